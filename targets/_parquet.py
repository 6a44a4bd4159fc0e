"""Tables of the star as Parquet: which there are, their types, and a table to a file and back.

Texts are strings, years, decimals and forecasts int32, values double; compressed by zstd, sorted by the primary key, in
row groups of ROWS at most. The same rows make the same bytes, as long as pyarrow is the same.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from pipeline.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 65_536  # of a row group, and in memory at once
TEXT, WHOLE, REAL = "string", "int32", "double"
_OF_SQLITE = {"TEXT": TEXT, "INTEGER": WHOLE, "REAL": REAL}


class Column(NamedTuple):
    """A column of a file. type: as Parquet's readers name it, "string", "int32" or "double"."""

    name: str
    type: str
    nullable: bool = False


@dataclass(frozen=True)
class Table:
    """A table, or a view that is written as one. key: the columns that its rows are sorted by."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """Its columns, in their order."""
        return [column.name for column in self.columns]

    @property
    def types(self) -> dict[str, str]:
        """Column -> type, in their order."""
        return {column.name: column.type for column in self.columns}

    def schema(self) -> pa.Schema:
        """Return its schema of Arrow."""
        import pyarrow as pa

        types = {TEXT: pa.string(), WHOLE: pa.int32(), REAL: pa.float64()}
        return pa.schema([pa.field(name, types[kind], nullable) for name, kind, nullable in self.columns])


# The two facts that are views: SQLite knows no types of what is computed.
VIEWS = (
    Table("fact_revision", (
        Column("dataset", TEXT), Column("indicator", TEXT), Column("iso3", TEXT), Column("year", WHOLE),
        Column("vintage", TEXT), Column("old_vintage", TEXT, True), Column("kind", TEXT),
        Column("old_text", TEXT, True),
        Column("new_text", TEXT, True), Column("old_value", REAL, True), Column("new_value", REAL, True),
        Column("change", REAL, True), Column("percent", REAL, True), Column("old_forecast", WHOLE, True),
        Column("new_forecast", WHOLE, True)), ("dataset", "indicator", "iso3", "year", "vintage")),
    Table("fact_region", (
        Column("dataset", TEXT), Column("vintage", TEXT), Column("year", WHOLE), Column("region", TEXT),
        Column("sum_billion", REAL), Column("top5_mean_billion", REAL), Column("economies", WHOLE)),
        ("dataset", "vintage", "year", "region")),
)


def require() -> None:
    """See that pyarrow is there. Raises UsageError."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise UsageError("--target parquet: needs pyarrow, which is not installed", safe="nothing was changed",
                         next_command="python -m pip install -c constraints.txt '.[warehouse]'") from None


def tables(connection: sqlite3.Connection) -> list[Table]:
    """Return the tables that a database has, as its own schema tells them, in the order of their names."""
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' "
                              "ESCAPE '\\' ORDER BY name").fetchall()
    return [_table(connection, name) for (name,) in rows]


def _table(connection: sqlite3.Connection, name: str) -> Table:
    told = connection.execute("SELECT name, type, \"notnull\", pk FROM pragma_table_info(?)", (name,)).fetchall()
    key = tuple(column for column, *_, place in sorted(told, key=lambda row: row[3]) if place)
    return Table(name, tuple(Column(column, _OF_SQLITE[kind.upper()], not (filled or place))
                             for column, kind, filled, place in told), key)


def write(connection: sqlite3.Connection, table: Table, stream: IO[bytes]) -> int:
    """Write all rows of a table, sorted by its key; returns how many."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema, total = table.schema(), 0
    ordering = pq.SortingColumn.from_ordering(schema, [(name, "ascending") for name in table.key])
    cursor = connection.execute(f"SELECT {_listed(table.names)} FROM {_listed([table.name])} "
                                f"ORDER BY {_listed(table.key)}")
    with pq.ParquetWriter(stream, schema, compression="zstd", sorting_columns=ordering) as writer:
        while block := cursor.fetchmany(ROWS):
            columns = [pa.array(values, field.type)
                       for values, field in zip(zip(*block, strict=True), schema, strict=True)]
            writer.write_batch(pa.record_batch(columns, schema=schema), row_group_size=ROWS)
            total += len(block)
    return total


def read(connection: sqlite3.Connection, table: Table, stream: IO[bytes]) -> int:
    """Insert all rows of a file into an empty table; returns how many. Raises ValueError for another table's file."""
    import pyarrow.parquet as pq

    file, rows = pq.ParquetFile(stream), 0
    if (found := file.schema_arrow.names) != table.names:
        raise ValueError(f"it has the columns {', '.join(found)}, and not {', '.join(table.names)}")
    text = f"INSERT INTO {_listed([table.name])} VALUES ({', '.join('?' * len(found))})"
    for batch in file.iter_batches(batch_size=ROWS):
        connection.executemany(text, zip(*_values(batch), strict=True))
        rows += batch.num_rows
    return rows


def _values(batch: Any) -> list[list[Any]]:
    return [column.to_pylist() for column in batch.columns]


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
