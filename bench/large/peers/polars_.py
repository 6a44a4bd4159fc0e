"""Polars: lazy scan, join and clean on the streaming engine; the last of a packed key; each region sorted and written.

Tried and slower (README.md has the figures): unique(keep="last") on three columns, group_by(…).last(), one global sort,
replace instead of the join, the engine in memory.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import BinaryIO

if "--workers" in sys.argv:  # read before Polars is: it makes its threads when it is imported
    os.environ["POLARS_MAX_THREADS"] = sys.argv[sys.argv.index("--workers") + 1]

import polars as pl
from _common import REASONS, REGIONS, finish, job, write_all

SCHEMA = {"country": pl.String, "year": pl.Int16, "record": pl.Int64, "gdp_usd_million": pl.String}
KEPT = len(REASONS)


def countries(path: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the countries (id, country, region as a number) and every name with its id."""
    names = pl.read_csv(path)
    known = (names.filter(pl.col("aggregate") == 0).select("country", "region").unique().sort("country")
             .with_row_index("id").with_columns(
                 pl.col("id").cast(pl.UInt16), pl.col("region").cast(pl.Enum(REGIONS)).to_physical()))
    return known, names.join(known, on="country", how="left").select("name", "id", "aggregate")


def cleaned(source: Path | BinaryIO, names: pl.DataFrame, header: bool = True) -> pl.DataFrame:
    """Return the rows in the file's order: id, year, record, millions, fate (of REASONS, KEPT for good ones)."""
    text = pl.col("gdp_usd_million").fill_null("")
    number = pl.col("gdp_usd_million").cast(pl.Int64, strict=False)
    fate = (pl.when(pl.col("aggregate") == 1).then(0).when(pl.col("aggregate").is_null()).then(1)
            .when(text.is_in(["", "n/a"])).then(2).when(number.is_null()).then(3).otherwise(KEPT).cast(pl.UInt8))
    lines = pl.scan_csv(source, schema=SCHEMA, has_header=header)
    joined = lines.join(names.lazy(), left_on="country", right_on="name", how="left", maintain_order="left")
    wanted = joined.select("id", "year", "record", number.alias("millions"), fate.alias("fate"))
    return wanted.collect(engine="streaming")


def last_of_each(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the last row of each key; the key packed into one integer while it is looked for."""
    key = ((pl.col("id").cast(pl.UInt64) * 4096 + pl.col("year").cast(pl.UInt64)) * 2**40
           + pl.col("record").cast(pl.UInt64))
    keyed = rows.lazy().filter(fate=KEPT).select("millions", key=key)
    last = keyed.unique("key", keep="last").collect(engine="streaming")
    return last.select(
        "millions", (pl.col("key") // 2**52).cast(pl.UInt16).alias("id"),
        (pl.col("key") // 2**40 % 4096).cast(pl.Int16).alias("Year"),
        (pl.col("key") % 2**40).cast(pl.Int64).alias("record"))


def stream(part: pl.DataFrame, names: pl.Series) -> pl.DataFrame:
    """Return one region's table, sorted.

    numpy divides: Polars divides by a constant as times its reciprocal, another double for 13 % of our figures.
    """
    part = part.sort("millions", descending=True)
    millions = part["millions"].to_numpy()
    return part.select(
        names.gather(part["id"]).alias("Country"), pl.Series("GDP_USD_billion", (millions + 5) // 10 / 100),
        pl.Series("GDP_as_published", millions / 1000), "Year", "record")


def main() -> None:
    """Do the work."""
    work = job()
    known, names = countries(work.names)
    with work.step("read and clean"):
        rows = cleaned(work.input, names)
    fates = dict(rows["fate"].value_counts().iter_rows())
    with work.step("deduplicate"):
        last = last_of_each(rows)
        del rows
        parts = last.with_columns(region=known["region"].gather(last["id"])).partition_by("region", as_dict=True)
    found = {region: parts.pop((at,), last.clear()) for at, region in enumerate(REGIONS)}
    del last
    sizes = {region: part.height for region, part in found.items()}
    with work.step("sort and write"):
        write_all(work, lambda region: stream(found.pop(region), known["country"]), sizes)
    out = sum(sizes.values())
    lost = {reason: fates.get(at, 0) for at, reason in enumerate(REASONS)} | {"duplicate": fates[KEPT] - out}
    finish(work, {"in": sum(fates.values()), "out": out, **lost})


if __name__ == "__main__":
    main()
