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
SHOWN = 4  # columns that are named


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


def refuse_foreign(there: Tables, *, where: str, safe: str, next_command: str) -> None:
    """Refuse a place that has tables with our names and is none of ours. Raises TargetRefused, with what differs."""
    ours = {table.lower(): table for table in star()}
    if found := [f"{table} ({differs or 'the same columns'})" for table, columns in there.items()
                 if table.lower() in ours for differs in [_differs(columns, star()[ours[table.lower()]])]]:
        raise TargetRefused(f"It holds tables of another program: {', '.join(found)}", where=where, safe=safe,
                            next_command=next_command)


def refuse_altered(there: Tables, *, where: str, safe: str, next_command: str,
                   types: Mapping[str, Sequence[str]] | None = None) -> None:
    """Refuse tables of ours whose columns somebody altered: figures would be rounded or become others there.

    there: columns of the target after all migrations; more than ours may be among them. types: of a family of types
    those that the target may have, where not all of the family. Raises TargetRefused, with what differs.
    """
    held = {table.lower(): columns for table, columns in there.items()}
    found = [f"{table} {differs}" for table, columns in star().items()
             for differs in [_differs(held.get(table.lower(), ()), columns, types, more=False)] if differs]
    if found:
        raise TargetRefused(f"Tables of the schema were altered: {', '.join(found)}", where=where, safe=safe,
                            next_command=next_command)


def _differs(there: Sequence[Column], ours: Sequence[Column], types: Mapping[str, Sequence[str]] | None = None, *,
             more: bool = True) -> str:
    """Return how the columns of a table differ from ours in words, "" where they do not; more: too many count."""
    held, wanted = ({column.name.lower(): column for column in columns} for columns in (there, ours))
    lacks = [name for name in wanted if name not in held]
    said = [f"lacks {', '.join(lacks[:SHOWN])}{' …' if len(lacks) > SHOWN else ''}"] if lacks else []
    said += [f"has {name} as {held[name].type}, not {_allowed(column, types)[0]}" for name, column in wanted.items()
             if name in held and not _may_be(held[name], column, types)]
    if more and (others := [name for name in held if name not in wanted]):
        said.append(f"has {', '.join(others[:SHOWN])}{' …' if len(others) > SHOWN else ''}")
    return "; ".join(said)


def _allowed(ours: Column, types: Mapping[str, Sequence[str]] | None) -> Sequence[str]:
    return types[family(ours.type)] if types else (ours.type.lower(),)


def _may_be(there: Column, ours: Column, types: Mapping[str, Sequence[str]] | None) -> bool:
    return there.type in _allowed(ours, types) if types else family(there.type) == family(ours.type)
