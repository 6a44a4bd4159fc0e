"""Rows staged for a warehouse to COPY: Parquet files with a manifest of sizes and sha256, each put once.

Under the prefix that the caller names, a folder with a name made of its content:

    PREFIX/0f1e2d3c4b5a6978/fact_gdp.parquet      a file a table
    PREFIX/0f1e2d3c4b5a6978/fact_gdp.copy.json    what Redshift's COPY … FORMAT PARQUET MANIFEST reads, for that table
    PREFIX/0f1e2d3c4b5a6978/manifest.json         bytes, sha256, rows and columns of all; last: with it, all is there

The same rows are staged in the same folder, and the second time nothing is written; other rows are in another one.
Nothing is ever replaced or removed here: what was loaded is told by the warehouse's ledger, not by what lies here.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import IO, Any

from pipeline.errors import TargetRefused
from targets import _parquet
from targets._lake import MANIFEST, SAFE, Lake, measured, scratch
from targets._lake_manifest import File
from utils import sha256_text

FORMAT = "world-economies-stage"
COMPRESSION = "snappy"  # what Redshift's own UNLOAD writes, so that every COPY reads it


@dataclass(frozen=True)
class Staged:
    """Tables that lie ready. tables: name -> its file. again: whether all of it was there already."""

    lake: Lake
    tables: Mapping[str, File]
    again: bool

    @property
    def manifest(self) -> str:
        """Address of the manifest; it names the content, so that a ledger may keep it."""
        return self.lake.where(MANIFEST)

    def copied_from(self, table: str) -> str:
        """Return the address of what COPY reads for a table."""
        return self.lake.where(f"{table}.copy.json")


def stage(lake: Lake, tables: Iterable[tuple[_parquet.Table, Iterable[Sequence[Any]]]]) -> Staged:
    """Write the rows of each table under a prefix, unless they are there; rows: values in the order of its columns.

    A table without rows has a file all the same. Raises TargetRefused, TargetUnreachable, DiskFull; after any of them,
    and after a crash, the same call goes on.
    """
    _parquet.require()
    with contextlib.ExitStack() as stack:
        files: dict[str, File] = {}
        streams: dict[str, IO[bytes]] = {}
        for table, rows in tables:
            stream = streams[table.name] = stack.enter_context(scratch())
            count = _parquet.write_rows(table, rows, stream, COMPRESSION)
            size, digest = measured(stream)
            files[table.name] = File(f"{table.name}.parquet", size, digest, count, table.types, table.key)
        told = _text({"format": FORMAT, "format_version": 1, "tables": {name: asdict(each)
                                                                       for name, each in files.items()}})
        place = lake.under(sha256_text(told.decode())[:16])
        stack.enter_context(place.alone())
        for name, each in files.items():
            _put(place, each.file, streams[name], each.sha256)
            _put(place, f"{name}.copy.json", io.BytesIO(_for_copy(place, each)))
        return Staged(place, files, again=not _put(place, MANIFEST, io.BytesIO(told)))


def _put(place: Lake, name: str, stream: IO[bytes], digest: str = "") -> bool:
    """Put a file; returns False where the same one is there. Raises TargetRefused where another one is."""
    digest = digest or measured(stream)[1]
    if place.put(name, stream):
        return True
    with place.opened(name) as there:
        if measured(there)[1] == digest:
            return False
    raise TargetRefused(f"{name} of the stage is not what was staged", where=place.where(name), safe=SAFE,
                        next_command=f"remove everything under {place.where()}, then the same command")


def _for_copy(place: Lake, file: File) -> bytes:
    """Return a manifest with no more than the documented keys: the size is required for Parquet."""
    return _text({"entries": [{"url": place.where(file.file), "mandatory": True,
                               "meta": {"content_length": file.bytes, "record_count": file.rows}}]})


def _text(told: Mapping[str, Any]) -> bytes:
    """Return JSON that is the same for the same content."""
    return (json.dumps(told, ensure_ascii=False, indent=2) + "\n").encode()
