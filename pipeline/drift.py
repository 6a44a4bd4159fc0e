"""Where a schema from outside, the checkpoint and the target differ, column by column, before anything is written.

The schema speaks for the tables that it names. In the checkpoint are the columns that the load reads: the clean records
become fact_gdp, the picture Countries_by_GDP; what the load makes itself is in no checkpoint.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, get_type_hints

from pipeline import schema
from pipeline.checkpoints import Manifest
from pipeline.columns import Column, Tables, family
from pipeline.errors import GateError, UsageError
from pipeline.parts import read_rows
from pipeline.secrets import redacted
from rules.records import CleanRecord
from utils import Workspace

if TYPE_CHECKING:
    from pipeline.stage import Stage
    from targets import BaseTarget

FACTS, PICTURE = "fact_gdp", "countries_by_gdp"
LEFT = frozenset({"locator"})  # of the clean records, in no database
_KINDS: Mapping[type, str] = {str: "text", bool: "boolean", int: "integer", float: "number"}
_SAFE = "nothing was changed"
_OF_RECORD: Mapping[Any, tuple[str, bool]] = {str: ("text", False), int: ("integer", False),
                                              int | None: ("integer", True)}


class Check(Protocol):
    """Raises GateError where a target differs; inside: of `with`, with all migrations applied."""

    def __call__(self, target: BaseTarget, *, inside: bool = False) -> None:
        """Compare a target."""


@dataclass(frozen=True)
class Places:
    """What is compared with a target, all names in lower case.

    told: the tables of the schema from outside that are ours. checkpoint: what the load reads. star: what it makes.
    """

    told: Tables
    checkpoint: Tables
    star: Tables

    def read(self, table: str) -> frozenset[str]:
        """Return the columns of a table that the load reads from the checkpoint."""
        if table == FACTS:
            return frozenset(CleanRecord._fields) - LEFT
        return frozenset(column.name for column in self.star[table]) if table in self.checkpoint else frozenset()

    def made(self, table: str) -> frozenset[str]:
        """Return the columns of a table that the load makes itself."""
        return frozenset(column.name for column in self.star[table]) - self.read(table)


def check_of(stage: Stage, before: Manifest) -> Check:
    """Return what to call with each target before it is written.

    Without --schema it does nothing. Raises UsageError where the schema cannot be read or names none of our tables.
    """
    if not stage.options.schema:
        return lambda target, *, inside=False: None
    shown = redacted(stage.options.schema)
    told, star = _read(stage.options.schema, stage.workspace), _star()
    compared = {table: columns for table, columns in told.items() if table in star}
    if not compared:
        raise UsageError(f"The schema names none of the tables {', '.join(star)}; it has {', '.join(told)}",
                         where=shown, safe=_SAFE, next_command="the same command with the schema of that database")
    if left := sorted(set(told) - set(compared)):
        stage.report.note(f"of --schema not compared, since the load writes no such table: {', '.join(left)}")
    places = Places(compared, {} if before.is_large else checkpoint_tables(stage.workspace, before), star)

    def check(target: BaseTarget, *, inside: bool = False) -> None:
        if not target.history:
            raise UsageError(f"The target {target.shown} tells no columns to compare with --schema", where=shown,
                             safe=_SAFE, next_command="the same command without --schema")
        anew = stage.options.rebuild and not inside  # it may be damaged, and what is there goes
        if found := list(differences(places, {} if anew else lowered(target.columns()))):
            raise _drift(found, shown, target.shown)

    return check


def _drift(found: Sequence[str], shown: str, target: str) -> GateError:
    lines = "".join(f"\n    {line}" for line in found)
    places = "1 place" if len(found) == 1 else f"{len(found)} places"
    return GateError(f"The schema {shown}, the checkpoint and the target {target} differ in {places}:{lines}",
                     where=shown, safe=f"nothing was written: {target} is as it was, the clean records are kept",
                     next_command="mend the schema where it is wrong, or the target where that is, and type the same "
                     "command again; without --schema nothing is compared")


def _read(text: str, workspace: Workspace) -> Tables:
    if not schema.is_address(text):
        return schema.read_file(Path(text))
    from targets import _metastore

    return _metastore.read(text, workspace)


def _star() -> Tables:
    from targets import _schema

    return lowered(_schema.star())


def lowered(tables: Tables) -> dict[str, list[Column]]:
    """Return tables with all names in lower case, as they are compared."""
    return {table.lower(): [column._replace(name=column.name.lower()) for column in columns]
            for table, columns in tables.items()}


# --- what the checkpoint has ----------------------------------------------------------------------------------------


def checkpoint_tables(workspace: Workspace, before: Manifest) -> Tables:
    """Return the columns of the clean records as their files have them, and those of the picture."""
    fields = {name: _OF_RECORD[kind] for name, kind in get_type_hints(CleanRecord).items()}
    found = {FACTS: [Column(name, *fields.get(name, ("", None))) for name in _header(workspace, before)]}
    rows = json.loads(workspace.resolve(before.facts["picture"]["path"]).read_text(encoding="utf-8"))
    if rows:
        found[PICTURE] = list(_columns_of(rows))
    return found


def _header(workspace: Workspace, before: Manifest) -> Sequence[str]:
    """Return the header of the clean records: of the first file that has another than it should, if any has."""
    for told in before.facts["batches"]:
        for path in told["parts"]:
            header = next(iter(read_rows(workspace.resolve(path))), [])
            if tuple(header) != CleanRecord._fields:
                return header
    return CleanRecord._fields


def _columns_of(rows: Sequence[Mapping[str, Any]]) -> Iterator[Column]:
    """Yield the columns of rows of JSON; of a column without a null it is not known whether it may have one."""
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row.get(name) for row in rows]
        kinds = {_KINDS.get(type(value), "") for value in values if value is not None}
        kind = kinds.pop() if len(kinds) == 1 else "number" if kinds == {"integer", "number"} else ""
        yield Column(name.lower(), kind, True if None in values else None)


# --- how they differ ------------------------------------------------------------------------------------------------


def differences(places: Places, target: Tables) -> Iterator[str]:
    """Yield a line for each table and column that is not the same in all three places.

    target: with names in lower case; {} for one that the load makes or migrates first.
    """
    target = target or places.star
    for table in places.told:
        if table not in target:
            yield f"{table}: the target has no such table"
        else:
            yield from _of_table(table, places, _named(target[table]))
    read = tuple(column.name for column in places.checkpoint.get(FACTS, ()))
    if FACTS in places.told and sorted(read) == sorted(CleanRecord._fields) and read != CleanRecord._fields:
        yield f"{FACTS}: order (checkpoint {', '.join(read)}; the load reads {', '.join(CleanRecord._fields)})"


def _of_table(table: str, places: Places, there: Mapping[str, Column]) -> Iterator[str]:
    told, read = _named(places.told[table]), _named(places.checkpoint.get(table, ()))
    needed, made = places.read(table), places.made(table)
    for name in dict.fromkeys((*told, *there, *read)):
        columns = {"schema": told.get(name), "checkpoint": read.get(name), "target": there.get(name)}
        if table == FACTS and name in LEFT and not (told.get(name) or there.get(name)):
            continue
        if kinds := list(_kinds(**columns, needed=name in needed)):
            absent = {"checkpoint": "made by the load" if name in made else "absent"}
            said = (f"{place} {column.told if column else absent.get(place, 'absent')}"
                    for place, column in columns.items() if read or place != "checkpoint")
            yield f"{table}.{name}: {', '.join(kinds)} ({'; '.join(said)})"


def _kinds(schema: Column | None, checkpoint: Column | None, target: Column | None, *, needed: bool) -> Iterator[str]:
    """Yield in which ways a column differs; needed: the load reads it from the checkpoint."""
    absent = [place for place, column, must in (("schema", schema, True), ("target", target, True),
                                                ("checkpoint", checkpoint, needed)) if must and column is None]
    if absent:
        yield f"missing in the {' and the '.join(absent)}"
    there = [column for column in (schema, checkpoint, target) if column]
    if len({family(column.type) for column in there} - {""}) > 1:
        yield "type"
    outside = {column.nullable for column in (schema, target) if column} - {None}
    if len(outside) > 1 or (checkpoint and checkpoint.nullable and False in outside):
        yield "nullability"


def _named(columns: Iterable[Column]) -> dict[str, Column]:
    return {column.name: column for column in columns}
