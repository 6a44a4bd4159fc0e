"""What every peer shares: options, writing a region's database, publishing, the queries, what it says at the end.

Writing is by ADBC's low-level interface, the fastest way into SQLite that we measured; it leaves Python alone while it
works, so that two threads write two databases at once.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REGIONS = ("Africa", "Asia", "Europe", "North America", "South America", "Oceania")
COLUMNS = ("Country", "GDP_USD_billion", "GDP_as_published", "Year", "record")
REASONS = ("aggregate", "unknown", "no value", "unreadable", "duplicate")
TABLE = """CREATE TABLE Countries_by_GDP(Country TEXT NOT NULL, GDP_USD_billion REAL NOT NULL,
GDP_as_published REAL NOT NULL, Year INTEGER NOT NULL, record INTEGER NOT NULL)"""
INDEX = "CREATE INDEX by_gdp ON Countries_by_GDP(GDP_USD_billion DESC)"
GREAT = "SELECT count(*) FROM Countries_by_GDP WHERE GDP_USD_billion >= 100"
UNSEEN = "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-64000"
PAGE = 16384


@dataclass
class Job:
    """What a peer is asked for. memory: bytes it may use, 0 for its own default."""

    input: Path
    names: Path
    output: Path
    workers: int
    memory: int
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Note how long a step takes."""
        begun = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - begun, 3)


def job() -> Job:
    """Return what the command line asks for, the folder of the output made."""
    parser = argparse.ArgumentParser()
    for name in ("--input", "--names", "--output"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--memory", type=int, default=0)
    found = Job(**vars(parser.parse_args()))
    found.output.mkdir(parents=True, exist_ok=True)
    return found


def file_of(region: str) -> str:
    """Return the file name of a region's database."""
    return region.replace(" ", "_") + ".db"


def write_region(output: Path, region: str, batches: object) -> None:
    """Write one region beside its final name and flush it to the disk.

    batches: anything that exports an Arrow stream of COLUMNS, GDP descending.
    """
    path = output / f".new-{file_of(region)}"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"PRAGMA page_size={PAGE}; {TABLE}")
    ingest(path, batches)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"{UNSEEN}; {INDEX}")
    flush(path)


def ingest(path: Path, batches: object) -> None:
    """Append an Arrow stream to the table, in one transaction."""
    import adbc_driver_manager as adbc
    import adbc_driver_sqlite

    database = adbc.AdbcDatabase(driver=adbc_driver_sqlite._driver_path(), uri=str(path))
    connection = adbc.AdbcConnection(database)
    for pragma in UNSEEN.split("; "):
        statement = adbc.AdbcStatement(connection)
        statement.set_sql_query(pragma)
        statement.execute_query()
        statement.close()
    connection.set_autocommit(False)
    statement = adbc.AdbcStatement(connection)
    statement.set_options(**{"adbc.ingest.target_table": "Countries_by_GDP",
                             "adbc.ingest.mode": "adbc.ingest.mode.append"})
    statement.bind_stream(batches)
    statement.execute_update()
    connection.commit()
    for each in (statement, connection, database):
        each.close()


def flush(path: Path) -> None:
    """Flush a file or a folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_all(work: Job, stream_of: Callable[[str], object], sizes: Mapping[str, int]) -> None:
    """Write every region, the largest first, as many at once as there are workers, and publish them together."""
    order = sorted(REGIONS, key=lambda region: -sizes.get(region, 0))
    with ThreadPoolExecutor(work.workers) as pool:
        list(pool.map(lambda region: write_region(work.output, region, stream_of(region)), order))
    publish(work.output)


def publish(output: Path) -> None:
    """Give all databases their names; they are on the disk already."""
    for region in REGIONS:
        (output / f".new-{file_of(region)}").rename(output / file_of(region))
    flush(output)


def answers(output: Path, regions: Iterable[str] = REGIONS) -> dict[str, Any]:
    """Ask the three questions: records of 100 billion and more, mean of each region's top five, the top 100."""
    great, means, top = 0, {}, []
    for region in regions:
        uri = f"file:{output / file_of(region)}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            great += connection.execute(GREAT).fetchone()[0]
            first = [row[0] for row in connection.execute(
                "SELECT GDP_USD_billion FROM Countries_by_GDP ORDER BY GDP_USD_billion DESC LIMIT 100")]
        means[region] = round(sum(first[:5]) / 5, 2) if len(first) >= 5 else None
        top += first
    return {"great": great, "means": means, "top": sorted(top, reverse=True)[:100]}


def finish(work: Job, balance: Mapping[str, int]) -> None:
    """Ask the questions and leave result.json: what became of the rows, the answers, and seconds of each step."""
    with work.step("queries"):
        asked = answers(work.output)
    assert balance["in"] == balance["out"] + sum(balance[reason] for reason in REASONS), balance
    told = {"balance": dict(balance), "answers": asked, "seconds": work.seconds}
    (work.output / "result.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({"balance": dict(balance), "seconds": work.seconds}), file=sys.stderr)
