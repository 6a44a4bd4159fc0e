"""The benchmark of large tables measures the same work: every tool gives the answer that plain Python gives."""

from __future__ import annotations

import csv
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter, defaultdict
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bench.large import check, generate, reference
from tests.project import PROJECT

ROWS = 2_000
ENVIRONMENT = PROJECT / ".venv-bench" / "bin" / "python"  # made by `make bench`
PYTHON = str(ENVIRONMENT if ENVIRONMENT.exists() else sys.executable)
NEEDED = {"duckdb": "duckdb", "polars": "polars", "pandas": "pandas", "dask": "dask.dataframe", "spark": "pyspark"}


def installed(*modules: str) -> bool:
    """Whether the benchmark's Python has them all."""
    imports = "; ".join(f"import {module}" for module in (*modules, "pyarrow", "adbc_driver_sqlite"))
    return not subprocess.run([PYTHON, "-c", imports], capture_output=True, check=False).returncode


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("polars", reason="the generator writes with polars (group large)")
    path = tmp_path_factory.mktemp("large") / "big.csv"
    generate.write(generate.Table(ROWS, seed=11), path)
    return path


def rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def run(tool: str, table: Path, output: Path) -> dict[str, Any]:
    """Run a peer to its end and return its result."""
    if not installed(NEEDED[tool]):
        pytest.skip(f"{NEEDED[tool]}, pyarrow and adbc-driver-sqlite are not all installed (make bench does)")
    if tool == "spark" and not shutil.which("java"):
        pytest.skip("Spark needs Java")
    command = [PYTHON, str(PROJECT / "bench" / "large" / "peers" / f"{tool}_.py"), "--input", str(table),
               "--names", str(generate.names_of(table)), "--output", str(output), "--workers", "2"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    ended = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, env=environment, timeout=300)
    assert ended.returncode == 0, ended.stderr[-2000:]
    result: dict[str, Any] = json.loads((output / "result.json").read_text())
    return result


def records(path: Path) -> list[reference.Record]:
    """Return a region's records in the database's own order."""
    with closing(sqlite3.connect(path)) as connection:
        return [(country, year, record, round(billion * 100)) for country, billion, year, record in connection.execute(
            "SELECT Country, GDP_USD_billion, Year, record FROM Countries_by_GDP")]


def test_a_table_is_made_by_its_seed_alone(table: Path, tmp_path: Path) -> None:
    generate.write(generate.Table(ROWS, seed=11), tmp_path / "again.csv")
    generate.write(generate.Table(ROWS, seed=12), tmp_path / "other.csv")
    assert (tmp_path / "again.csv").read_bytes() == table.read_bytes() != (tmp_path / "other.csv").read_bytes()


def test_rows_do_not_depend_on_how_many_are_made_at_once() -> None:
    whole = generate.Table(ROWS, seed=11).chunk(0, ROWS)
    halves = [generate.Table(ROWS, seed=11).chunk(*ends) for ends in ((0, 700), (700, ROWS))]
    for all_, first, second in zip(whole, *halves, strict=True):
        assert all_.tolist() == [*first.tolist(), *second.tolist()]


def test_a_table_has_what_makes_the_work_hard(tmp_path: Path) -> None:
    pytest.importorskip("polars")
    generate.write(generate.Table(50_000, seed=11), tmp_path / "big.csv")
    regions, fates = reference.regional(tmp_path / "big.csv")
    share = {name: round(count / 500, 1) for name, count in fates.items()}
    assert share == {"in": 100.0, "out": 95.2, "duplicate": 3.8, "aggregate": 0.5, "no value": 0.2, "unreadable": 0.1,
                     "unknown": 0.1}
    assert set(regions) == set(check.REGIONS)
    text = (tmp_path / "big.csv").read_text(encoding="utf-8")
    assert all(spelling in text for spelling in ("\nTürkiye,", "\nTurkey,", "\n\"China, P.R.: Mainland\",", "\nWorld,"))


def test_a_conflict_is_written_under_another_name_of_the_country(table: Path) -> None:
    known = {row["name"]: row["country"] for row in rows(generate.names_of(table))}
    names: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for row in rows(table):
        if known.get(row["country"]):
            names[known[row["country"]], row["year"], row["record"]].add(row["country"])
    assert sum(len(each) > 1 for each in names.values()) > ROWS // 200


@pytest.mark.parametrize(("skew", "least", "share"), [("region", "Asia", 0.94), ("country", "China", 0.48),
                                                      ("value", "25", 0.48)])
def test_a_skewed_table_is_skewed(skew: str, least: str, share: float, tmp_path: Path) -> None:
    pytest.importorskip("polars")
    generate.write(generate.Table(20_000, seed=11, skew=skew), tmp_path / "big.csv")
    regions, fates = reference.regional(tmp_path / "big.csv")
    seen: Counter[str] = Counter()
    for region, found in regions.items():
        for country, _, _, cents in found:
            seen.update({region, country, "25" if cents == 2500 else ""})
    assert share < seen[least] / fates["out"] < share + 0.04


def test_every_spelling_of_the_table_is_in_the_names(table: Path) -> None:
    lines = generate.names_of(table).read_text(encoding="utf-8").splitlines()
    assert lines[0] == "name,country,region,aggregate"
    assert {"Türkiye,Türkiye,Asia,0", "Turkey,Türkiye,Asia,0", "World,,,1"} <= set(lines)


@pytest.mark.parametrize("tool", [pytest.param(tool, marks=pytest.mark.full) if tool == "spark" else tool
                                  for tool in NEEDED])  # Java takes half a minute to start
@pytest.mark.full
def test_a_peer_gives_the_answer_of_plain_python(tool: str, table: Path, tmp_path: Path) -> None:
    result = run(tool, table, tmp_path / "out")
    regions, fates = reference.regional(table)
    assert result["balance"] == dict(fates)
    check.of_folder(tmp_path / "out")
    for region in check.REGIONS:
        found = records(tmp_path / "out" / f"{region.replace(' ', '_')}.db")
        assert sorted(found) == sorted(regions[region])
        assert [row[-1] for row in found] == [row[-1] for row in regions[region]]
    cents = [row[-1] for records_ in regions.values() for row in records_]
    assert result["answers"]["great"] == sum(each >= 10_000 for each in cents)
    assert result["answers"]["top"] == [each / 100 for each in sorted(cents, reverse=True)[:100]]
    assert not [each.name for each in (tmp_path / "out").iterdir() if each.name.startswith(".new")]


class TestCheck:
    """check.py sees what it must."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        pytest.importorskip("adbc_driver_sqlite", reason="check.py reads with ADBC (group large)")
        for region in check.REGIONS:
            with closing(sqlite3.connect(tmp_path / f"{region.replace(' ', '_')}.db")) as connection:
                connection.executescript("""
                    CREATE TABLE Countries_by_GDP(Country TEXT, GDP_USD_billion REAL, GDP_as_published REAL,
                                                  Year INTEGER, record INTEGER);
                    INSERT INTO Countries_by_GDP VALUES ('Chad', 12.35, 12.345, 2020, 7), ('Mali', 1.0, 1.0, 2021, 8);
                    CREATE INDEX by_gdp ON Countries_by_GDP(GDP_USD_billion DESC)""")
        return tmp_path

    def test_facts(self, folder: Path) -> None:
        found = check.of_folder(folder)["Asia"]
        assert (found.rows, found.cents, found.years) == (2, 1335, 4041)

    @pytest.mark.parametrize("change", [
        "UPDATE Countries_by_GDP SET record = 9 WHERE record = 7",
        "UPDATE Countries_by_GDP SET Country = 'Niger' WHERE record = 7",
        "UPDATE Countries_by_GDP SET Year = 4041 - Year",
        "UPDATE Countries_by_GDP SET record = 15 - record"], ids=["record", "country", "years change places", "keys"])
    def test_another_record_is_another_digest(self, change: str, folder: Path) -> None:
        before = check.of_folder(folder)["Asia"]
        with closing(sqlite3.connect(folder / "Asia.db")) as connection:
            connection.executescript(change)
        after = check.of_folder(folder)["Asia"]
        assert (before.rows, before.cents) == (after.rows, after.cents) and before.digest != after.digest

    @pytest.mark.parametrize(("change", "said"), [
        ("UPDATE Countries_by_GDP SET GDP_USD_billion = 12.34 WHERE record = 7", "not the rounding"),
        ("INSERT INTO Countries_by_GDP VALUES ('Peru', 2.0, 2.0, 2020, 1)", "not in the order"),
        ("DROP INDEX by_gdp", "is answered by SCAN")], ids=["rounding", "order", "index"])
    def test_what_is_wrong_is_named(self, change: str, said: str, folder: Path) -> None:
        with closing(sqlite3.connect(folder / "Europe.db")) as connection:
            connection.executescript(change)
        with pytest.raises(check.Wrong, match=f"Europe.db: .*{said}"):
            check.of_folder(folder)

    def test_a_missing_database_is_named(self, folder: Path) -> None:
        (folder / "Oceania.db").unlink()
        with pytest.raises(check.Wrong, match=r"Oceania\.db is missing"):
            check.of_folder(folder)
