"""A reader that polls a workspace, as a process of its own: python -m tests.reading KIND WORKSPACE

It reads until its standard input is closed, and says then, as JSON, how often it read, of how many states, and what was
wrong: {"polls": 812, "states": 20, "faults": []}. Each poll returns the number of the load that it saw, see loading.py.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import select
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

REGIONS = ("Africa", "Asia", "Europe", "North_America", "South_America", "Oceania")
PAUSE = 0.005  # seconds between two polls: a reader that never rests only takes the writer's time
GERMANY = "SELECT GDP_USD_billion FROM Countries_by_GDP WHERE Country = 'Germany'"


def database(root: Path) -> int:
    """Several queries in one transaction: as many batches as vintages, and picture and history of the newest."""
    with closing(sqlite3.connect(f"{(root / 'sqliteDB/World_Economies.db').as_uri()}?mode=ro", uri=True)) as db:
        db.isolation_level = None
        db.execute("BEGIN")
        (figure,), = db.execute(GERMANY).fetchall()
        number = int(figure) - 100
        (batches, vintages), = db.execute("SELECT (SELECT count(*) FROM etl_batch), (SELECT count(*) FROM dim_vintage)")
        (newest,), = db.execute("SELECT value_text FROM fact_gdp WHERE iso3 = 'DEU' AND to_vintage IS NULL").fetchall()
        (ranges,), = db.execute("SELECT count(*) FROM fact_gdp").fetchall()
        assert (batches, vintages, float(newest), ranges) == (number, number, figure, number + 1)
        if number % 5 == 0:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return number


def regions(root: Path) -> int:
    """Six databases of the folder that was opened: all of one run.

    Their bytes are read, since SQLite asks for a path again, by which another folder may be found meanwhile.
    """
    folder = os.open(root / "sqliteDB/regions", os.O_RDONLY)

    def inside(name: str, flags: int) -> int:
        return os.open(name, flags, dir_fd=folder)

    try:
        runs = set()
        for name in sorted(os.listdir(folder)):  # noqa: PTH208  of the folder that is open, whatever its name is now
            with closing(sqlite3.connect(":memory:")) as db, open(name, "rb", opener=inside) as stream:
                db.deserialize(stream.read())
                runs.add(db.execute("SELECT run_id FROM picture").fetchone()[0])
                assert name != "Europe.db" or db.execute(GERMANY).fetchone()[0] - 100 == int(next(iter(runs))[1:])
        return one(runs)
    except FileNotFoundError:
        assert not os.path.samestat(os.fstat(folder), (root / "sqliteDB/regions").stat())  # replaced, and removed
        return 0
    finally:
        os.close(folder)


def one(runs: set[str]) -> int:
    """Return the number of the one run; 0 where the folder was being removed before any database was opened."""
    assert len(runs) < 2, runs
    return int(runs.pop()[1:]) if runs else 0


def lake(root: Path) -> int:
    """A manifest, and every file that it names: whole, as long as it stays."""
    told = json.loads((root / "lake/manifest.json").read_bytes())
    for table in told["tables"].values():
        data = (root / "lake" / table["file"]).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (table["bytes"], table["sha256"])
    return len(told["batches"])


def picture(root: Path) -> int:
    """The JSON file: 50 rows, all of one load."""
    rows = json.loads((root / "results/Countries_by_GDP_Processed.json").read_bytes())
    (figure,) = {row["GDP_USD_billion"] for row in rows}
    assert len(rows) == 50
    return int(figure) - 100


def package(root: Path) -> int:
    """The data package, and both files while it stays the same: their bytes are those that it tells."""
    place = root / "results/datapackage.json"
    try:
        before, told = place.stat(), json.loads(place.read_bytes())
        files = {each["path"]: (root / "results" / each["path"]).read_bytes() for each in told["resources"]}
        after = place.stat()
    except FileNotFoundError:
        return 0  # it goes before the files change, and comes after them
    if (before.st_ino, before.st_mtime_ns) != (after.st_ino, after.st_mtime_ns):
        return 0
    for each in told["resources"]:
        assert each["hash"] == f"sha256:{hashlib.sha256(files[each['path']]).hexdigest()}", each["path"]
    rows = csv.DictReader(io.StringIO(files["Countries_by_GDP.csv"].decode()))
    return int(float(next(row["GDP_USD_billion"] for row in rows if row["ISO3"] == "DEU"))) - 100


def page(root: Path) -> int:
    """The page, to its end, and its data: the edition and the picture of one load."""
    try:
        text = (root / "results/report.html").read_text(encoding="utf-8")
    except FileNotFoundError:
        return 0  # not yet
    assert text.startswith("<!doctype html>") and text.endswith("</html>\n")
    told = json.loads(text.partition('<script type="application/json" id="data">')[2].partition("</script>")[0])
    (figure,) = (each["g"] for each in told["economies"] if each["c"] == "DEU")
    assert told["vintage"] == f"v{int(figure) - 100:04d}"
    return int(figure) - 100


KINDS: dict[str, Callable[[Path], int]] = {
    each.__name__: each for each in (database, regions, lake, picture, package, page)}


def main(kind: str, root: Path) -> None:
    """Poll until standard input is closed, and once after that."""
    polls, seen, faults, last = 0, list[int](), list[str](), False
    while not last:
        last = bool(select.select([sys.stdin], [], [], PAUSE)[0])
        try:
            number = KINDS[kind](root)
        except Exception as error:  # noqa: BLE001  whatever a reader meets is what the test is about
            faults.append(f"{type(error).__name__}: {error}"[:300])
            continue
        polls += 1
        if number and number not in seen[-1:]:
            seen.append(number)
    if seen != sorted(seen):
        faults.append(f"it went back: {seen}")
    print(json.dumps({"polls": polls, "states": len(seen), "last": seen[-1:], "faults": faults[:5]}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
