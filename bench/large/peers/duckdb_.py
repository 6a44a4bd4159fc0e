"""DuckDB: CSV into a table in the file's order, joined with the names, arg_max by row number, streamed by region.

Tried and slower, or wrong (README.md has the figures): row_number() while reading, QUALIFY, last(… ORDER BY), a MAP
instead of the join, keys packed into one integer, one global sort. Joined
straight from the CSV the rows are not in its order, and a stale row wins: that is why the table comes first.
"""

from __future__ import annotations

import duckdb
from _common import REASONS, REGIONS, Job, finish, job, write_all

READ = """CREATE TABLE raw AS SELECT * FROM read_csv($file, header=true, auto_detect=false, delim=',', quote='"',
nullstr='\\N', columns={'country': 'VARCHAR', 'year': 'SMALLINT', 'record': 'INTEGER', 'gdp_usd_million': 'VARCHAR'})"""
NAMES = """CREATE TABLE names AS SELECT * FROM read_csv($file, header=true, nullstr='\\N')"""
KNOWN = """CREATE TABLE countries AS SELECT row_number() OVER (ORDER BY country)::USMALLINT AS id, country, region
FROM (SELECT DISTINCT country, region FROM names WHERE aggregate = 0);
CREATE TABLE known AS SELECT name, id, aggregate FROM names LEFT JOIN countries USING (country)"""
CLEAN = """CREATE TABLE clean AS SELECT id, year, record, try_cast(gdp_usd_million AS BIGINT) AS millions,
CASE WHEN aggregate = 1 THEN 0 WHEN name IS NULL THEN 1 WHEN gdp_usd_million IN ('', 'n/a') THEN 2
     WHEN millions IS NULL THEN 3 ELSE 5 END::UTINYINT AS fate, raw.rowid AS line
FROM raw LEFT JOIN known ON name = raw.country"""
KEPT = """CREATE TABLE kept AS SELECT id, year, record, arg_max(millions, line) AS millions
FROM clean WHERE fate = 5 GROUP BY ALL"""
REGION = """SELECT country AS Country, ((millions + 5) // 10) / 100 AS GDP_USD_billion,
millions / 1000 AS GDP_as_published, year AS Year, record
FROM kept JOIN countries USING (id) WHERE region = $region ORDER BY millions DESC"""


def opened(work: Job) -> duckdb.DuckDBPyConnection:
    """Return a database in memory that may spill beside the output."""
    config = {"threads": work.workers, "temp_directory": str(work.output / "spill")}
    if work.memory:
        config["memory_limit"] = f"{work.memory // 2**20}MiB"
    return duckdb.connect(config=config)


def stream(cursor: duckdb.DuckDBPyConnection, region: str) -> object:
    """Return one region's table, sorted, as an Arrow stream."""
    return cursor.sql(REGION, params={"region": region}).to_arrow_reader(65_536)


def main() -> None:
    """Do the work."""
    work = job()
    base = opened(work)
    with work.step("read"):
        base.execute(READ, {"file": str(work.input)})
    with work.step("clean"):
        base.execute(NAMES, {"file": str(work.names)})
        base.execute(KNOWN)
        base.execute(CLEAN)
        base.execute("DROP TABLE raw")
    fates = dict(base.execute("SELECT fate, count(*) FROM clean GROUP BY fate").fetchall())
    with work.step("deduplicate"):
        base.execute(KEPT)
        base.execute("DROP TABLE clean")
    sizes = dict(base.execute("SELECT region, count(*) FROM kept JOIN countries USING (id) GROUP BY region").fetchall())
    with work.step("sort and write"):
        write_all(work, lambda region: stream(base.cursor(), region), sizes)
    out = sum(sizes.get(region, 0) for region in REGIONS)
    lost = {reason: fates.get(at, 0) for at, reason in enumerate(REASONS)} | {"duplicate": fates.get(5, 0) - out}
    finish(work, {"in": sum(fates.values()), "out": out, **lost})


if __name__ == "__main__":
    main()
