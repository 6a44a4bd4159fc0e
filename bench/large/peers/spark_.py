"""Spark, local: broadcast join with the names, max_by on the file's order, a region a partition, Arrow into SQLite.

The order of the file is monotonically_increasing_id: the splits of one file are its partitions, in their order. What
becomes of the rows is counted on the way (observe), so that the file is read once.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from _common import COLUMNS, REASONS, REGIONS, Job, finish, job, publish, write_region

os.environ["PYTHONPATH"] = str(Path(__file__).resolve().parent)  # where its Python workers find _common
os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as f

KEPT = len(REASONS)
SCHEMA = "country string, year smallint, record int, gdp_usd_million string"


def session(work: Job) -> SparkSession:
    """Return a session of as many threads as there are workers."""
    memory = work.memory or 6 * 2**30
    made = (SparkSession.builder.master(f"local[{work.workers}]").appName("bench")
            .config("spark.driver.memory", f"{memory // 2**20}m").config("spark.ui.enabled", "false")
            .config("spark.sql.shuffle.partitions", 4 * work.workers).config("spark.driver.host", "127.0.0.1")
            .config("spark.sql.execution.arrow.maxRecordsPerBatch", 65536)
            .config("spark.local.dir", str(work.output / "spill")).config("spark.sql.ansi.enabled", "false")
            .config("spark.sql.adaptive.coalescePartitions.enabled", "false")
            .config("spark.python.worker.faulthandler.enabled", "false").getOrCreate())
    made.sparkContext.setLogLevel("ERROR")
    return made


def countries(work: Job) -> list[str]:
    """Return the countries; the place of each is its number."""
    with work.names.open(encoding="utf-8", newline="") as stream:
        return sorted({row["country"] for row in csv.DictReader(stream)} - {""})


def numbers(words: Sequence[str], column: str) -> Column:
    """Return the place of a column's text among words."""
    pairs = (f.lit(each) for at, word in enumerate(words) for each in (word, at))
    return f.create_map(*pairs)[f.col(column)]


def cleaned(spark: SparkSession, work: Job, known: Sequence[str]) -> DataFrame:
    """Return the rows with id of the country, region (a place in REGIONS), millions, line and fate."""
    names = spark.read.csv(str(work.names), header=True, schema="name string, known string, area string, aggregate int")
    names = names.select("name", numbers(known, "known").alias("id"), numbers(REGIONS, "area").alias("region"),
                         "aggregate")
    lines = spark.read.csv(str(work.input), header=True, schema=SCHEMA, emptyValue="", escape='"')
    rows = lines.withColumn("line", f.monotonically_increasing_id()).join(
        f.broadcast(names), f.col("name") == f.col("country"), "left")
    text = f.coalesce("gdp_usd_million", f.lit(""))
    number = f.expr("try_cast(gdp_usd_million AS bigint)")
    fate = (f.when(f.col("aggregate") == 1, 0).when(f.col("name").isNull(), 1).when(text.isin("", "n/a"), 2)
            .when(number.isNull(), 3).otherwise(KEPT))
    return rows.select("id", "region", "year", "record", number.alias("millions"), "line", fate.alias("fate"))


def writer(output: Path, names: list[str]) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Return what writes one partition, which is one region, and yields its number and its rows."""
    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        first = next(batches, None)
        if first is None:
            return
        region, rows = first["region"][0].as_py(), 0
        countries_ = pa.array(names)
        schema = first.schema.remove(0).set(0, pa.field("Country", pa.dictionary(pa.int32(), pa.string())))

        def told() -> Iterator[pa.RecordBatch]:
            nonlocal rows
            batch: pa.RecordBatch | None = first
            while batch is not None:
                rows += batch.num_rows
                _, ids, *rest = batch.columns
                country = pa.DictionaryArray.from_arrays(ids, countries_)
                yield pa.RecordBatch.from_arrays([country, *rest], schema=schema)
                batch = next(batches, None)

        write_region(output, REGIONS[region], pa.RecordBatchReader.from_batches(schema, told()))
        told_of = {"region": pa.array([region], pa.int32()), "rows": pa.array([rows], pa.int64())}
        yield pa.RecordBatch.from_pydict(told_of)

    return write


def empty() -> pa.RecordBatchReader:
    """Return the table of a region without records."""
    types = (pa.string(), pa.float64(), pa.float64(), pa.int64(), pa.int64())
    return pa.RecordBatchReader.from_batches(pa.schema([*zip(COLUMNS, types, strict=True)]), [])


def main() -> None:
    """Do the work."""
    work = job()
    with work.step("start"):
        spark = session(work)
        known = countries(work)
    seen = Observation("fates")
    with work.step("all"):
        counts = [f.count(f.when(f.col("fate") == at, 1)).alias(f"f{at}") for at in range(KEPT + 1)]
        rows = cleaned(spark, work, known).observe(seen, *counts).filter(f.col("fate") == KEPT)
        last = rows.groupBy("region", "id", "year", "record").agg(f.max_by("millions", "line").alias("millions"))
        sorted_ = last.repartitionById(len(REGIONS), f.col("region")).sortWithinPartitions(f.desc("millions"))
        billion = (f.floor((f.col("millions") + 5) / 10) / 100).alias("GDP_USD_billion")
        shown = sorted_.select(f.col("region").cast("int"), f.col("id").cast("int").alias("Country"), billion,
                               (f.col("millions") / 1000).alias("GDP_as_published"),
                               f.col("year").alias("Year"), "record")
        written = dict(map(tuple, shown.mapInArrow(writer(work.output, known), "region int, rows bigint").collect()))
        for at, region in enumerate(REGIONS):
            if at not in written:
                write_region(work.output, region, empty())
        publish(work.output)
    fates = [seen.get[f"f{at}"] for at in range(KEPT + 1)]
    spark.stop()
    out = sum(written.values())
    lost = {reason: fates[at] for at, reason in enumerate(REASONS)} | {"duplicate": fates[KEPT] - out}
    finish(work, {"in": sum(fates), "out": out, **lost})


if __name__ == "__main__":
    main()
