"""The schema of a database: which one this program knows, and what is said of one that has another."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache
from itertools import groupby
from pathlib import Path

from pipeline.columns import Column, Tables
from pipeline.errors import CheckpointError, TargetRefused
from targets import _sql

UNTOUCHED = "nothing was changed"


@cache
def newest() -> int:
    """Return the version that a database of the history has after all migrations."""
    return int(_sql.migrations()[-1].name.partition("_")[0])


@cache
def star() -> Tables:
    """Return the project's own tables with their columns, as the migrations make them."""
    with closing(sqlite3.connect("")) as connection:
        for file in _sql.migrations():
            connection.executescript(file.read_text(encoding="utf-8"))
        rows = connection.execute(_sql.query("columns")).fetchall()
    return {table: [Column(name, kind, bool(nullable)) for _, name, kind, nullable in group]
            for table, group in groupby(rows, lambda row: str(row[0]))}


def refuse_older(version: int, known: int, path: Path, *, what: str = "The database", remedy: str,
                 command: str) -> None:
    """Refuse a database from before this program's schema. Raises CheckpointError.

    remedy: what brings it up to date, in words; command: what to type for it.
    """
    if version < known:
        raise CheckpointError(f"{what} has schema {version}, this program reads schema {known}: {remedy}",
                              where=str(path), safe=UNTOUCHED, next_command=command)


def refuse_newer(version: int, known: int, path: Path | str, *, what: str = "The database",
                 safe: str = UNTOUCHED) -> None:
    """Refuse a database that a later version of the project made: its figures may mean more. Raises TargetRefused."""
    if version > known:
        raise TargetRefused(f"{what} has schema {version}, this program knows {known}", where=str(path), safe=safe,
                            next_command="update World Economies, or choose another --workspace")
