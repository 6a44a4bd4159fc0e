"""Parts as files: staged and clean records as CSV, every field as text, complete or absent.

CSV because every engine reads it at full speed with no library beyond the standard one, and a person can look into it.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.checkpoints import Part, make_part, part_name
from utils import Workspace, atomic_file

ROWS_PER_PART = 1_000_000
csv.field_size_limit(1 << 24)


def write_parts(workspace: Workspace, folder: Path, stem: str, header: Sequence[str],
                rows: Iterable[Sequence[Any]]) -> list[Part]:
    """Write rows as one or more parts of at most ROWS_PER_PART; names are made from the content.

    An empty iterable gives one part with a header and no row.
    """
    parts: list[Part] = []
    remaining = iter(rows)
    while True:
        parts.append(_write_one(workspace, folder, f"{stem}-{len(parts) + 1:04d}", header, remaining))
        following = next(remaining, None)
        if following is None:
            return parts
        remaining = itertools.chain([following], remaining)


def _write_one(workspace: Workspace, folder: Path, stem: str, header: Sequence[str],
               rows: Iterator[Sequence[Any]]) -> Part:
    count, final = 0, folder / f"{stem}.csv"

    def named(temporary: Path) -> Path:
        nonlocal final
        final = folder / part_name(stem, ".csv", temporary)
        return final

    def counted() -> Iterator[Sequence[Any]]:
        nonlocal count
        for row in itertools.islice(rows, ROWS_PER_PART):
            count += 1
            yield row

    with atomic_file(final, "w", name_after=named, newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(counted())
    return make_part(workspace, final, count)


def read_rows(path: Path) -> Iterator[list[str]]:
    """Yield the rows of a part, the header first."""
    with path.open(encoding="utf-8", newline="") as stream:
        yield from csv.reader(stream)
