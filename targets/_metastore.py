"""A schema from a metastore, --schema postgresql://USER@HOST/DATABASE, or secretsmanager:NAME of such an address.

With ?table=SCHEMA.TABLE it is that table, with a row a column and the names of a schema's CSV file; else what
information_schema.columns says of ?schema=NAME. It is only read.
"""

from __future__ import annotations

import contextlib

from pipeline.columns import Tables
from pipeline.errors import UsageError
from pipeline.schema import tables
from pipeline.secrets import redacted
from targets import _postgresql_address, _sql, postgresql, secretsmanager
from utils import Workspace


def read(text: str, workspace: Workspace) -> Tables:
    """Return the tables that a metastore tells of. Raises UsageError, TargetUnreachable, TargetRefused."""
    url = secretsmanager.resolved(text) if text.lower().startswith("secretsmanager:") else text
    if not url.startswith(("postgresql://", "postgres://")):
        raise UsageError("--schema takes a file, or an address that begins with postgresql://", where=redacted(text),
                         safe="nothing was changed", next_command="--schema FILE")
    head, query = _postgresql_address.parameters_of(url)
    table = next((value for name, value in query if name == "table"), "")
    target = postgresql.Target(workspace, url=_postgresql_address.with_parameters(
        head, [(name, value) for name, value in query if name != "table"]))
    target.shown = redacted(text)
    named = ".".join(f'"{part}"' for part in table.replace('"', '""').split("."))
    asked = f"SELECT * FROM {named}" if table else _sql.pyformat(_sql.query("columns", postgresql.DIALECT))
    with contextlib.closing(target._connect(read_only=True)) as connection, target._named():
        cursor = connection.execute(asked)
        names = [column.name for column in cursor.description or ()]
        return tables((dict(zip(names, row, strict=True)) for row in cursor), target.shown)
