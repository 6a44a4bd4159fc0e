"""A million ranges into PostgreSQL: by the target, and by bare binary COPY of the same rows.

Starts a server of its own (that of the tests), or takes --url of an empty database. What it is compared to are a
table without and a table with the keys of fact_gdp, by psycopg from rows that are ready. Rounds are interleaved.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice, product
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psycopg

from pipeline.countries import load_identity
from targets._sql import migrations, statements
from targets.postgresql import COPY_RANGES, RANGE_TYPES, Target
from tests.postgres import running
from utils import Workspace

AT_ONCE = 20_000  # ranges that the publishing hands over at once
LABELS = [f"{year}-{month}" for year in range(2015, 2021) for month in ("04", "10")]
WITNESS = ("channel", "archive_id", "sha256", "url", "fetched_at", "started_at", "loaded_at", "accepted")
VINTAGES = [f"{label}-15  {label}" for label in LABELS]


def ranges(count: int) -> list[tuple[Any, ...]]:
    """Return ranges as texts: seven indicators of 200 economies in 60 years, revised by each of twelve vintages."""
    codes = [country.iso3 for country in load_identity().countries()][:200]

    def every() -> Iterator[tuple[Any, ...]]:
        keys = product(("NGDPD", "NGDP_RPCH", "NGDPDPC", "LP", "PCPIPCH", "GGXWDG", "BCA"), codes, range(1980, 2040),
                       range(len(VINTAGES)))
        for number, (indicator, code, year, at) in enumerate(keys):
            text = f"{number % 100_000 / 1000 + 1:.3f}"
            end = VINTAGES[at + 1] if at + 1 < len(VINTAGES) else None
            yield "imf-weo", indicator, code, str(year), VINTAGES[at], end, text, text, "3", "0"

    return list(islice(every(), count))


def bare(url: str, rows: Sequence[Any], *, keys: bool) -> float:
    """Return the seconds of a binary COPY of ready rows, committed; keys: into fact_gdp with its key and index."""
    with psycopg.connect(url) as connection:
        connection.execute("DROP SCHEMA IF EXISTS bare CASCADE; CREATE SCHEMA bare; SET search_path = bare")
        texts = [text for file in migrations("postgresql") for text in statements(file.read_text(encoding="utf-8"))]
        for text in texts:
            if "fact_gdp" in text:
                connection.execute(text)
        if not keys:
            connection.execute("DROP INDEX fact_gdp_current; ALTER TABLE fact_gdp DROP CONSTRAINT fact_gdp_pkey")
        connection.commit()
        begun = time.perf_counter()
        with connection.cursor() as cursor, cursor.copy(COPY_RANGES) as copy:
            copy.set_types(RANGE_TYPES)
            for row in rows:
                copy.write_row(row)
        connection.commit()
        return time.perf_counter() - begun


def ours(url: str, rows: Sequence[Any]) -> tuple[float, float]:
    """Return the seconds of the ranges alone, and of the whole transaction with checks, views and commit."""
    with psycopg.connect(url) as connection:
        connection.execute("DROP SCHEMA IF EXISTS world_economies CASCADE")
    identity = load_identity()
    target = Target(Workspace(Path(tempfile.gettempdir())), url=url)
    with target:
        target.describe(identity.countries(), identity.version)
    begun = time.perf_counter()
    with target:
        for label, vintage in zip(LABELS, VINTAGES, strict=True):
            target.run("insert_vintage", [{"dataset": "imf-weo", "label": label, "updated": "", "dating": "stated",
                                           "published": f"{label}-15", "vintage": vintage}])
            target.run("insert_batch", [{"batch_id": label, "dataset": "imf-weo", "label": label, "updated": "",
                                         "digest": "", "figures": 0, "picture_year": 0}])
            target.run("insert_witness", [dict.fromkeys(WITNESS, "") | {"run_id": "run", "batch_id": label}])
        first = time.perf_counter()
        for at in range(0, len(rows), AT_ONCE):
            target.run("insert_range", rows[at:at + AT_ONCE])
        copied = time.perf_counter() - first
    return copied, time.perf_counter() - begun


def measure(url: str, rounds: int, count: int) -> None:
    """Print a line a round, and medians with their ratios to the bare COPY into the same table."""
    texts = ranges(count)
    ready = [(*row[:3], int(row[3]), *row[4:6], float(row[6]), row[7], int(row[8]), int(row[9])) for row in texts]
    found: list[tuple[float, ...]] = []
    print(f"{'bare':>8} {'bare, keys':>10} {'ranges':>8} {'whole':>8}   seconds, {len(texts):,} rows")
    for _ in range(rounds):
        found.append((bare(url, ready, keys=False), bare(url, ready, keys=True), *ours(url, texts)))
        print("{:8.2f} {:10.2f} {:8.2f} {:8.2f}".format(*found[-1]), flush=True)
    plain, keyed, copied, whole = (median(column) for column in zip(*found, strict=True))
    print(f"{plain:8.2f} {keyed:10.2f} {copied:8.2f} {whole:8.2f}   medians")
    print(f"ranges {copied / keyed:.2f} and the whole {whole / keyed:.2f} times a bare COPY into the same table, "
          f"{copied / plain:.2f} and {whole / plain:.2f} times one into a table without keys")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--url", default="", help="an empty database (default: a server of its own)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    if options.url:
        measure(options.url, options.rounds, options.rows)
        return
    with running() as server:
        measure(server.create("bench"), options.rounds, options.rows)


if __name__ == "__main__":
    main()
