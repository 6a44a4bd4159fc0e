"""A list that goes to the disk when it grows: what a source could not read, in bounded memory."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from rules.records import Quarantined

HELD = 10_000  # rows in memory; most runs have a few, a file without its delimiter has all


class Spooled(list[Quarantined]):
    """Quarantined rows that are appended now and read once at the end, in order; the first wait in a nameless file.

    folder: where that file is; it has no name, so that nothing is left behind however the process ends. A context
    manager, at whose end the rows are gone and their number stays. Only what sources and staging do with such a list is
    there: append, extend, +=, len, truth, iteration.
    """

    def __init__(self, rows: Iterable[Quarantined], folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._file: IO[str] | None = None
        self._written = 0
        self.extend(rows)

    def __enter__(self) -> Spooled:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def append(self, row: Quarantined) -> None:
        """Add a row. Raises OSError where the disk is full."""
        super().append(row)
        if super().__len__() >= HELD:
            self._spill()

    def extend(self, rows: Iterable[Quarantined]) -> None:
        """Add rows."""
        for row in rows:
            self.append(row)

    def __iadd__(self, rows: Iterable[Quarantined]) -> Spooled:  # type: ignore[override,misc]
        self.extend(rows)
        return self

    def _spill(self) -> None:
        if self._file is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile("w+", dir=self._folder, encoding="ascii")  # noqa: SIM115  __exit__ does
        self._file.writelines(json.dumps(row) + "\n" for row in super().__iter__())
        self._written += super().__len__()
        self.clear()

    def __len__(self) -> int:
        return self._written + super().__len__()

    def __bool__(self) -> bool:
        return len(self) > 0

    def __iter__(self) -> Iterator[Quarantined]:
        if self._file is not None:
            self._file.seek(0)
            yield from (Quarantined(*json.loads(line)) for line in self._file)
        yield from super().__iter__()
