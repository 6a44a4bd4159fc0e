"""The SQL of the star: files of sql/, which every database of the history understands, but for those of a dialect.

A dialect is a folder of sql/ that has some of the same files: sql/postgresql/queries/NAME.sql is taken in the place of
sql/queries/NAME.sql. Parameters are written :name in files with names, and ? in those whose rows are sequences.
"""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from utils import PROJECT

SQL = PROJECT / "sql"
_COMMENT = re.compile(r"--[^\n]*")
_NAMED = re.compile(r"(?<![:\w']):([A-Za-z_][A-Za-z0-9_]*)")


def _file(kind: str, name: str, dialect: str) -> Path:
    own = SQL / dialect / kind / f"{name}.sql"
    return own if dialect and own.exists() else SQL / kind / f"{name}.sql"


@cache
def query(name: str, dialect: str = "") -> str:
    """Return the text of a query."""
    return _file("queries", name, dialect).read_text(encoding="utf-8")


@cache
def statement(name: str, dialect: str = "") -> str:
    """Return the text of a statement that changes something."""
    return _file("statements", name, dialect).read_text(encoding="utf-8")


def migrations(dialect: str = "") -> list[Path]:
    """Return the files that make the schema, oldest first: the first is 0001_NAME.sql."""
    return sorted((SQL / dialect / "migrations").glob("[0-9]*.sql"))


def views(dialect: str = "") -> dict[str, str]:
    """Return the views that every load makes anew, name -> text that begins with CREATE VIEW."""
    texts = {path.stem: _file("views", path.stem, dialect).read_text(encoding="utf-8")
             for path in sorted((SQL / "views").glob("*.sql"))}
    return {name: text[text.index("CREATE VIEW"):].strip().rstrip(";") for name, text in texts.items()}


def materialized(dialect: str) -> dict[str, str]:
    """Return the materialized views of a dialect, name -> what makes it where it is not there."""
    files = sorted((SQL / dialect / "materialized").glob("*.sql"))
    return {path.stem: path.read_text(encoding="utf-8") for path in files}


def checks() -> dict[str, str]:
    """Return the checks after a load, name -> a query whose rows are what is wrong."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted((SQL / "checks").glob("*.sql"))}


def statements(text: str) -> list[str]:
    """Split a file of SQL into its statements."""
    found, pending = [], ""
    for line in text.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            found.append(pending)
            pending = ""
    return [*found, pending] if pending.strip() else found


def pyformat(text: str) -> str:
    """Return SQL with parameters as drivers of PostgreSQL take them: %(name)s for :name, %s for ?, no comments."""
    bare = _COMMENT.sub("", text).replace("%", "%%").replace("?", "%s")
    return _NAMED.sub(r"%(\1)s", bare)


def bare(text: str) -> str:
    """Return SQL without comments, blanks at its ends and the semicolon."""
    return _COMMENT.sub("", text).strip().rstrip(";").rstrip()


def numbered(text: str, parameters: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return SQL with :1, :2, ... for its texts, and these; numbers and NULL are written into it.

    A NULL that is bound has no type by which a server could compare it, and a text that is written needs quotes that
    differ from server to server: so texts alone are bound.
    """
    numbers: dict[str, int] = {}  # by name: two texts that happen to be equal make no other statement

    def put(found: re.Match[str]) -> str:
        value = parameters[found[1]]
        if isinstance(value, str):
            return f":{numbers.setdefault(found[1], len(numbers) + 1)}"
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{value} is no number of SQL")
        return "NULL" if value is None else repr(int(value) if isinstance(value, bool) else value)

    return _NAMED.sub(put, bare(text)), [parameters[name] for name in numbers]


def many(text: str, rows: Sequence[Mapping[str, Any]]) -> tuple[str, dict[str, Any]]:
    """Return an INSERT of one row, as one of many, and its parameters: a server of columns takes no single rows."""
    head, values = re.split(r"(?<=\n)VALUES\s*", bare(text), maxsplit=1)
    tuples: list[str] = []
    parameters: dict[str, Any] = {}
    for number, row in enumerate(rows):
        tuples.append(_NAMED.sub(rf":\1_{number}", values))
        parameters |= {f"{name}_{number}": value for name, value in row.items()}
    return f"{head}VALUES\n" + ",\n".join(tuples), parameters
