"""A schema from outside, --schema: which tables have which columns, as a file or a metastore tells it.

    FILE.csv     a line a column: table, column, type, nullable; or an export of information_schema.columns, with its
                 own names: table_name, column_name, data_type, is_nullable, and table_schema where it is there
    FILE.json    a list of objects with the same keys, a Frictionless data package, or a Table Schema, whose table is
                 the name of the file
    an address   a metastore, see targets/_metastore.py

Names of tables and columns are the same in any case. A type or a nullability that is left empty is not compared.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.columns import Column, Tables
from pipeline.errors import UsageError
from pipeline.secrets import redacted
from utils import sha256_text

NAMES: Mapping[str, tuple[str, ...]] = {"table": ("table", "table_name"), "column": ("column", "column_name"),
                                        "type": ("type", "data_type"), "nullable": ("nullable", "is_nullable"),
                                        "schema": ("schema", "table_schema")}
_NULLABLE = {**dict.fromkeys(("yes", "y", "true", "t", "1"), True),
             **dict.fromkeys(("no", "n", "false", "f", "0"), False), "": None}
_FORM = "a CSV file with the columns table, column, type and nullable, or one of the forms in docs/warehouse.md"


def is_address(text: str) -> bool:
    """Tell whether --schema names a metastore and no file."""
    return re.match(r"[a-z]+://|secretsmanager:", text, re.IGNORECASE) is not None


def identity(text: str) -> str:
    """Return what tells this schema from another: a file's digest, an address without secrets. Raises UsageError."""
    return redacted(text) if is_address(text) else sha256_text(_text_of(Path(text)))


def read_file(path: Path) -> Tables:
    """Return the tables that a file tells of. Raises UsageError."""
    text = _text_of(path)
    if text.lstrip().startswith(("{", "[")):
        return tables(_of_json(text, path), str(path))
    try:
        rows = list(csv.DictReader(io.StringIO(text), strict=True))
    except csv.Error as error:
        raise _unreadable(f"it is no CSV: {error}", str(path)) from error
    return tables(rows, str(path))


def tables(rows: Iterable[Mapping[str, Any]], where: str) -> Tables:
    """Return rows of table, column, type and nullable as tables. Raises UsageError for rows that do not say it."""
    found: dict[str, dict[str, Column]] = {}
    schemas: dict[str, str] = {}
    for number, row in enumerate(rows, 1):
        said = _row(row, number, where)
        table, schema = said["table"].lower(), said["schema"]
        if schemas.setdefault(table, schema) != schema:
            raise _unreadable(f"it has {table} in {schemas[table]} and in {schema}: keep the tables of one", where)
        column = Column(said["column"].lower(), said["type"], _nullable(said["nullable"], number, where))
        if column.name in found.setdefault(table, {}):
            raise _unreadable(f"it tells {table}.{column.name} twice", where)
        found[table][column.name] = column
    if not found:
        raise _unreadable("it names no table", where)
    return {table: list(columns.values()) for table, columns in found.items()}


def _row(row: Mapping[str, Any], number: int, where: str) -> dict[str, str]:
    """Return a row by our own names, texts without blanks around them."""
    plain = {str(key).strip().lower(): value for key, value in row.items()}
    said = {name: str(next((plain[each] for each in names if plain.get(each) is not None), "")).strip()
            for name, names in NAMES.items()}
    if missing := [name for name in ("table", "column") if not said[name]]:
        raise _unreadable(f"row {number} names no {missing[0]}; it has {', '.join(plain)}", where)
    return said


def _nullable(text: str, number: int, where: str) -> bool | None:
    if text.lower() not in _NULLABLE:
        raise _unreadable(f"row {number} has {text!r} for nullable, which is yes, no, or empty for either", where)
    return _NULLABLE[text.lower()]


def _of_json(text: str, path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the rows that a JSON file means."""
    try:
        told = json.loads(text)
        if isinstance(told, list):
            yield from (dict(each) for each in told)
            return
        alone = {"name": path.name.partition(".")[0], "schema": told}
        resources = told.get("resources", [alone])
        for resource in resources:
            yield from _of_table_schema(resource["name"], resource["schema"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        why = f"it is no JSON of a form that is known ({type(error).__name__}: {error})"
        raise _unreadable(why, str(path)) from error


def _of_table_schema(table: str, told: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the fields of a Table Schema; a key is never null, and "any" is no type."""
    key = told.get("primaryKey", ())
    key = {key} if isinstance(key, str) else set(key)
    for field in told["fields"]:
        required = field["name"] in key or field.get("constraints", {}).get("required")
        kind = field.get("type", "")
        yield {"table": table, "column": field["name"], "type": "" if kind == "any" else kind,
               "nullable": "" if required is None else "no" if required else "yes"}


def _text_of(path: Path) -> str:
    try:
        return path.expanduser().read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise _unreadable(said or type(error).__name__, str(path)) from error


def _unreadable(why: str, where: str) -> UsageError:
    return UsageError(f"--schema cannot be read: {why}", where=where, safe="nothing was changed",
                      next_command=f"--schema FILE   # {_FORM}")
