"""The database as Datasette holds it: read only, its keys told in full."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

from datasette.database import Database


class ReadOnly(Database):  # type: ignore[misc,unused-ignore]
    """A database that is opened with mode=ro and never otherwise.

    A foreign key may be written without its column, REFERENCES dim_country, and then means that table's primary key.
    Datasette 0.65 fails on such a table (its issue 1995), so the column is filled in before it sees the key.
    """

    def connect(self, write: bool = False) -> sqlite3.Connection:
        """Return a connection that cannot write. Raises PermissionError where one that can is asked for."""
        if write:
            raise PermissionError("the database is served to look at")
        connection: sqlite3.Connection = super().connect()
        connection.execute("PRAGMA query_only = 1")
        return connection

    async def foreign_keys_for_table(self, table: str) -> list[dict[str, Any]]:
        """Return the keys by which a table refers to others."""
        return await self._filled(await super().foreign_keys_for_table(table), "other_table", "other_column")

    async def get_all_foreign_keys(self) -> dict[str, dict[str, list[dict[str, Any]]]]:
        """Return table -> by which keys others refer to it, and it to others."""
        found: dict[str, dict[str, list[dict[str, Any]]]] = await super().get_all_foreign_keys()
        return {table: {
            "incoming": await self._filled(({**key, "own": table} for key in keys["incoming"]), "own", "column"),
            "outgoing": await self._filled(keys["outgoing"], "other_table", "other_column"),
        } for table, keys in found.items()}

    async def _filled(self, keys: Iterable[dict[str, Any]], table: str, column: str) -> list[dict[str, Any]]:
        """Return keys with the column that they leave to be understood; without those that mean several."""
        filled = []
        for key in keys:
            meant = [key[column]] if key[column] else await self.primary_keys(key[table])
            if len(meant) == 1:
                filled.append({name: value for name, value in key.items() if name != "own"} | {column: meant[0]})
        return filled
