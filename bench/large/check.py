"""Whether the databases of a run hold what they must, in the order they must; and whether two runs hold the same.

    python bench/large/check.py FOLDER [FOLDER ...]

Reads every record. A digest adds up a number for each record (country, year, record and figure in one product), so that
the order does not matter and a figure that moved to another key does.
"""

from __future__ import annotations

import sqlite3
import sys
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

REGIONS = ("Africa", "Asia", "Europe", "North America", "South America", "Oceania")
QUERY = "SELECT Country, GDP_USD_billion, GDP_as_published, Year, record FROM Countries_by_GDP"
BATCH = 65_536
MIX, TURN = np.uint64(0xBF58476D1CE4E5B9), np.uint64(31)
WHOLE = 0xFFFFFFFFFFFFFFFF


class Wrong(ValueError):
    """A database is not what it must be; the message says where."""


@dataclass(frozen=True)
class Facts:
    """What one region holds: records, sum of hundredths of a billion, sum of years, digest of all records."""

    rows: int
    cents: int
    years: int
    digest: int


def digest(country: npt.NDArray[np.uint64], year: npt.NDArray[np.int64], record: npt.NDArray[np.int64],
           cents: npt.NDArray[np.int64]) -> int:
    """Return the sum of one number a record, modulo 2**64."""
    place = np.bitwise_xor(year.astype(np.uint64) << np.uint64(48), record.astype(np.uint64))
    key = np.bitwise_xor(country * MIX, place)
    key = (key ^ (key >> TURN)) * MIX
    key = (key ^ (key >> TURN)) * (cents.astype(np.uint64) * np.uint64(2) + np.uint64(1))
    return int(np.sum(key ^ (key >> TURN), dtype=np.uint64))


def facts(path: Path) -> Facts:
    """Read a region's database in its own order. Raises Wrong for one out of order, misrounded, or without index."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        indexed(connection, path)
    rows = cents_sum = years = whole = 0
    before = np.iinfo(np.int64).max
    codes: dict[str, int] = {}
    for country, billion, published, year, record in batches(path):
        cents = np.rint(billion * 100).astype(np.int64)
        millions = np.rint(published * 1000).astype(np.int64)
        if any((one != other).any() for one, other in (
                (cents / 100, billion), (millions / 1000, published), ((millions + 5) // 10, cents))):
            raise Wrong(f"{path.name}: a figure is not the rounding of the published one")
        if cents[0] > before or (np.diff(cents) > 0).any():
            raise Wrong(f"{path.name}: the records are not in the order of GDP, near record {rows + 1:,}")
        before = cents[-1]
        distinct, places = country
        for name in distinct:
            codes.setdefault(name, zlib.crc32(name.encode()))
        number = np.array([codes[name] for name in distinct], dtype=np.uint64)[places]
        rows, cents_sum, years = rows + len(cents), cents_sum + int(cents.sum()), years + int(year.sum())
        whole = (whole + digest(number, year, record, cents)) & WHOLE
    return Facts(rows, cents_sum, years, whole)


def batches(path: Path) -> Iterator[tuple[Any, ...]]:
    """Yield the records by columns: (distinct names, place of each), billions, published, years, records."""
    import adbc_driver_manager as adbc
    import adbc_driver_sqlite
    import pyarrow as pa

    database = adbc.AdbcDatabase(driver=adbc_driver_sqlite._driver_path(), uri=f"file:{path}?mode=ro")
    connection = adbc.AdbcConnection(database)
    statement = adbc.AdbcStatement(connection)
    statement.set_options(**{"adbc.sqlite.query.batch_rows": str(BATCH)})
    statement.set_sql_query(QUERY)
    handle, _ = statement.execute_query()
    with pa.RecordBatchReader._import_from_c(handle.address) as reader:
        for batch in reader:
            if batch.num_rows:
                names = batch.column(0).dictionary_encode()
                columns = [batch.column(at).to_numpy() for at in range(1, 5)]
                yield (names.dictionary.to_pylist(), names.indices.to_numpy().astype(np.int64)), *columns
    for each in (statement, connection, database):
        each.close()


def indexed(connection: sqlite3.Connection, path: Path) -> None:
    """Raise Wrong where the database must sort or scan to answer the usual questions."""
    for query, wanted, refused in (
            ("SELECT * FROM Countries_by_GDP ORDER BY GDP_USD_billion DESC", "", "TEMP B-TREE"),
            ("SELECT * FROM Countries_by_GDP WHERE GDP_USD_billion >= 100", "SEARCH", "TEMP B-TREE")):
        plan = " ".join(row[-1] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}"))
        if wanted not in plan or refused in plan:
            raise Wrong(f"{path.name}: {query!r} is answered by {plan}")


def of_folder(folder: Path) -> dict[str, Facts]:
    """Return the facts of each region. Raises Wrong where a database is missing, or a leftover stands beside them."""
    if left := [each.name for each in folder.iterdir() if each.name.startswith(".new-") or "-journal" in each.name]:
        raise Wrong(f"{folder}: not published: {', '.join(sorted(left))}")
    found = {}
    for region in REGIONS:
        path = folder / (region.replace(" ", "_") + ".db")
        if not path.exists():
            raise Wrong(f"{folder}: {path.name} is missing")
        found[region] = facts(path)
    return found


def main() -> int:
    """Check every folder, and compare them with the first."""
    folders = [Path(each) for each in sys.argv[1:]]
    first: dict[str, Facts] | None = None
    for folder in folders:
        try:
            found = of_folder(folder)
        except Wrong as wrong:
            print(f"{folder}: {wrong}")
            return 1
        for region, each in found.items():
            print(folder, region, asdict(each))
        if first is not None and found != first:
            print(f"{folder} holds other records than {folders[0]}")
            return 1
        first = first or found
    return 0


if __name__ == "__main__":
    sys.exit(main())
