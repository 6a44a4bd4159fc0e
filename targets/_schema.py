"""The schema of a database: which one this program knows, and what is said of one that has another."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import cache
from itertools import groupby
from pathlib import Path

from pipeline.columns import Column, Tables, family
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


def refuse_other(there: Tables, types: Mapping[str, Sequence[str]], where: str, *, safe: str = UNTOUCHED) -> None:
    """Refuse tables of ours whose columns somebody altered: figures would be rounded or become others there.

    there: columns of the target, after all migrations, among them maybe more than ours. types: of a family of types,
    those that the target may have. Raises TargetRefused.
    """
    found = {f"{table}.{column.name}".lower(): column.type for table, columns in there.items() for column in columns}
    ours = {f"{table}.{column.name}".lower(): types[family(column.type)]
            for table, columns in star().items() for column in columns}
    wrong = [f"{name} is {found.get(name, 'absent')}, not {allowed[0]}"
             for name, allowed in ours.items() if found.get(name) not in allowed]
    if wrong:
        raise TargetRefused(f"Columns differ from those of this program: {'; '.join(wrong)}", where=where, safe=safe,
                            next_command="ALTER TABLE, so that they are as they were; or another schema: ?schema=NAME")
