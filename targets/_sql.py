"""The SQL of the star: files of sql/, which every database of the history understands, but for those of a dialect.

A dialect is a folder of sql/ that has some of the same files: sql/postgresql/queries/NAME.sql is taken in the place of
sql/queries/NAME.sql. Parameters are written :name in files with names, and ? in those whose rows are sequences.
"""

from __future__ import annotations

import re
import sqlite3
from functools import cache
from pathlib import Path

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


def views() -> dict[str, str]:
    """Return the views that every load makes anew, name -> text that begins with CREATE VIEW."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted((SQL / "views").glob("*.sql"))}
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
