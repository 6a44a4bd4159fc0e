"""Rows on their way to Redshift: a Parquet file under an S3 prefix, put once, with its manifest.

    PREFIX/FOLDER/NAME-SHA16.parquet     the rows
    PREFIX/FOLDER/NAME-SHA16.json        what it is: bytes, sha256, rows, columns
    PREFIX/FOLDER/NAME-SHA16.manifest    what COPY reads: the file's address and bytes, and no key that it does not know

The name is of the content: the same load that is done again finds its files, and writes none.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pipeline.errors import TargetError, TargetRefused, UsageError
from targets import _lake
from targets._parquet import REAL, ROWS, TEXT, WHOLE, Column, Table

_OF: Mapping[str, type] = {TEXT: str, WHOLE: int, REAL: float}


@dataclass(frozen=True)
class Staged:
    """A file that is staged. manifest: the address of what COPY reads."""

    name: str
    manifest: str
    sha256: str
    bytes: int
    rows: int


class Spool:
    """The rows of one table, collected in a file without a name."""

    def __init__(self, table: Table) -> None:
        self.table, self.rows = table, 0
        self._exit = contextlib.ExitStack()
        self._stream: IO[bytes] = self._exit.enter_context(_lake.scratch())
        self._pending: list[tuple[Any, ...]] = []
        self._writer: Any = None

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Take rows, texts for numbers too."""
        kinds = [_OF[column.type] for column in self.table.columns]
        for row in rows:
            self._pending.append(tuple(None if value is None else kind(value)
                                       for kind, value in zip(kinds, row, strict=True)))
            if len(self._pending) >= ROWS:
                self._write()

    def finished(self) -> IO[bytes]:
        """Return the file, complete and at its beginning."""
        self._write()
        self._writer.close()
        self._stream.seek(0)
        return self._stream

    def close(self) -> None:
        """Let it be gone."""
        self._exit.close()

    def _write(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = self.table.schema()
        if self._writer is None:  # the codec that every reader of Parquet knows
            self._writer = pq.ParquetWriter(self._stream, schema, compression="snappy")
        if self._pending:
            columns = [pa.array(values, each.type)
                       for values, each in zip(zip(*self._pending, strict=True), schema, strict=True)]
            self._writer.write_batch(pa.record_batch(columns, schema=schema), row_group_size=ROWS)
        self.rows += len(self._pending)
        self._pending.clear()


class Stage:
    """An S3 prefix. safe: what a failure leaves, in words."""

    def __init__(self, address: str, safe: str) -> None:
        self._lake = _lake.lake_of(address, Path())
        self._safe = safe

    def put(self, folder: str, spool: Spool) -> Staged:
        """Put the file of a spool, and its manifests. Raises TargetRefused, TargetUnreachable, UsageError."""
        stream = spool.finished()
        digest = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
        size = stream.seek(0, io.SEEK_END)
        name = f"{folder}/{spool.table.name}-{digest[:16]}"
        told = {"format": "world-economies-stage", "format_version": 1, "file": f"{name}.parquet",
                "bytes": size, "sha256": digest, "rows": spool.rows,
                "columns": {column.name: column.type for column in spool.table.columns}}
        entries = {"entries": [{"url": self._lake.where(f"{name}.parquet"), "mandatory": True,
                                "meta": {"content_length": size}}]}
        with self._in_words():
            self._once(f"{name}.parquet", stream)
            self._once(f"{name}.json", _json(told))
            self._once(f"{name}.manifest", _json(entries))
        return Staged(spool.table.name, self._lake.where(f"{name}.manifest"), digest, size, spool.rows)

    def _once(self, name: str, stream: IO[bytes]) -> None:
        """Put an object where there is none of the name; one that is there must be the same."""
        stream.seek(0)
        if self._lake.put(name, stream):
            return
        stream.seek(0)
        with self._lake.opened(name) as there:
            if _sha256(there) != _sha256(stream):
                raise TargetRefused("The stage holds another file under the name of its content",
                                    where=self._lake.where(name), safe=self._safe,
                                    next_command="remove it, and type the command again")

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except (TargetError, UsageError) as error:  # what the lake says is safe is the lake
            error.safe = self._safe
            raise
        except FileNotFoundError as error:
            raise TargetRefused("A file of the stage was removed while it was written", where=self._lake.where(),
                                safe=self._safe) from error


def table(name: str, columns: Iterable[tuple[str, str]]) -> Table:
    """Return what a spool is of; any column may be empty."""
    return Table(name, tuple(Column(column, kind, True) for column, kind in columns), ())


def _sha256(stream: IO[bytes]) -> str:
    return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]


def _json(told: Mapping[str, Any]) -> IO[bytes]:
    return io.BytesIO((json.dumps(told, indent=2) + "\n").encode())
