"""results/datapackage.json and its two CSV files: literal lines, the validator's word, and no package that lies."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import TargetRefused
from reports import datapackage
from targets import open_target
from tests.history_db import Database
from tests.orchestra import half_written
from utils import Workspace

FAULTS = Path(__file__).resolve().parent / "faults"
FILES = ("Countries_by_GDP.csv", "GDP_history.csv", "datapackage.json")


SPRING, AUTUMN, AGAIN = "2025-04-22  2025-04", "2025-10-14  2025-10", "2025-10-14 2025-11-03 2025-10"

COUNTRIES = {"BOL": "Bolivia", "CIV": "Côte d'Ivoire", "COD": "Congo, Democratic Republic", "NGA": "Nigeria",
             "USA": "United States"}
VINTAGES = [  # dataset, label, updated, published, dating, vintage
    ("imf-weo", "2025-04", "", "2025-04-22", "stated", SPRING),
    ("imf-weo", "2025-10", "", "2025-10-14", "stated", AUTUMN),
    ("imf-weo", "2025-10", "2025-11-03", "2025-10-14", "stated", AGAIN),
    ("table:=SUM(1)", "=HYPERLINK(1)", "", "", "given", "  =HYPERLINK(1)"),
    ("wikipedia-nominal", "rev1234567", "", "2025-11-02", "stated", "2025-11-02  rev000001234567"),
    ("worldbank-wdi", "2025-07-01", "", "2025-07-01", "stated", "2025-07-01  2025-07-01"),
]
RANGES = [  # dataset, indicator, iso3, year, from, to, value as text, decimals, forecast
    ("imf-weo", "NGDPD", "NGA", 2022, SPRING, AUTUMN, "476.5", 3, 0),
    ("imf-weo", "NGDPD", "NGA", 2022, AUTUMN, None, "645.689", 3, 0),
    ("imf-weo", "NGDPD", "COD", 2025, AUTUMN, AGAIN, "82.265", 3, 1),
    ("imf-weo", "NGDPD", "NGA", 2025, AUTUMN, None, "285.003", 3, 1),
    ("imf-weo", "NGDPD", "USA", 2025, AUTUMN, AGAIN, "30615.743", 3, 1),
    ("imf-weo", "NGDPD", "USA", 2025, AGAIN, None, "30615.744", 3, None),
    ("imf-weo", "NGDP_RPCH", "BOL", 2025, SPRING, None, "-3.2", 1, 1),
    ("table:=SUM(1)", '@x;=cmd|"1",2', "CIV", 2020, "  =HYPERLINK(1)", None, "-0.5", 1, None),
    ("table:=SUM(1)", "-7", "CIV", 2020, "  =HYPERLINK(1)", None, "7", 0, None),
    ("wikipedia-nominal", "NGDPD", "USA", 2025, "2025-11-02  rev000001234567", None, "30507.217", 3, None),
    ("worldbank-wdi", "LP", "USA", 2024, "2025-07-01  2025-07-01", None, "340.110988", 6, None),
]
PICTURE = [  # country, rounded, as published, region, subregion, iso3, year, forecast, dataset, vintage, extracted at
    ("Nigeria", 285.0, "285.003", "Africa", "Western Africa", "NGA", 2025, 1, "imf-weo", "2025-10",
     "2026-11-21T02:24:00Z"),
    ("United States", 30615.74, "30615.744", "North America", "Northern America", "USA", 2025, None, "imf-weo",
     "2025-10", "2026-11-21T02:24:00Z"),
    ("Congo, Democratic Republic", 82.27, "82.265", "Africa", "Middle Africa", "COD", 2025, 1, "imf-weo", "2025-10",
     "2026-11-21T02:24:00Z"),
]
INSERT_RANGE = ("INSERT INTO fact_gdp (dataset, indicator, iso3, year, from_vintage, to_vintage, value_text, decimals, "
                "forecast, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, CAST(?7 AS REAL))")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace whose database holds the rows above, the ranges in another order than their key's."""
    workspace = tmp_path / "w"
    database = Database(workspace, countries=[(iso3, "", name, "Asia", "", "1") for iso3, name in COUNTRIES.items()])
    database.run("INSERT INTO dim_vintage (dataset, label, updated, published, dating, vintage) "
                 "VALUES (?, ?, ?, ?, ?, ?)", *VINTAGES)
    database.run(INSERT_RANGE, *RANGES[::-1])
    database.run(f"INSERT INTO Countries_by_GDP VALUES ({', '.join('?' * 11)})", *PICTURE)
    database.run("INSERT INTO picture VALUES (1, 'imf-weo', '2025-10', '2025-11-03', 'imf', 'a-run')", ())
    (workspace / "results").mkdir()
    return workspace


def lengthen(workspace: Path, years: int) -> int:
    """Add a range for each of these years and five countries; returns how many."""
    rows = [("imf-weo", "PCPIPCH", iso3, 1000 + year, SPRING, AGAIN if year % 2 else None, f"{year}.125", 3, 0)
            for iso3 in COUNTRIES for year in range(years)]
    Database(workspace).run(INSERT_RANGE, *rows)
    return len(rows)


def publish(workspace: Path) -> dict[str, Any]:
    """Publish, and return the package."""
    opened = Workspace(workspace)
    datapackage.write(opened, open_target("sqlite", opened))
    content: dict[str, Any] = json.loads((workspace / "results/datapackage.json").read_text(encoding="utf-8"))
    return content


def lines(workspace: Path, name: str) -> list[str]:
    return (workspace / "results" / name).read_text(encoding="utf-8").split("\n")


def revise(workspace: Path) -> None:
    """Change a figure in the database, so that other files are to be written."""
    with closing(sqlite3.connect(workspace / "sqliteDB/World_Economies.db")) as db:
        db.execute("UPDATE fact_gdp SET value_text = '31000.5', value = 31000.5 WHERE value_text = '30615.744'")
        db.execute("UPDATE Countries_by_GDP SET GDP_as_published = '31000.5', GDP_USD_billion = 31000.5 "
                   "WHERE ISO3 = 'USA'")
        db.commit()


# --- the files ------------------------------------------------------------------------------------------------------


def test_the_history_has_every_range_in_the_order_of_its_key(workspace: Path) -> None:
    publish(workspace)
    spring, autumn = "2025-04-22  2025-04,2025-04,2025-04-22,", "2025-10-14  2025-10,2025-10,2025-10-14,"
    again = "2025-10-14 2025-11-03 2025-10,2025-10,2025-10-14,2025-11-03"
    congo, live = 'COD,"Congo, Democratic Republic"', "  '=HYPERLINK(1)"
    assert lines(workspace, "GDP_history.csv") == [
        "dataset,indicator,iso3,country,year,value,unit,decimals,forecast,from_vintage,from_label,from_published,"
        "from_updated,to_vintage,to_label,to_published,to_updated",
        f"imf-weo,NGDPD,{congo},2025,82.265,billion US dollars,3,1,{autumn},{again}",
        f"imf-weo,NGDPD,NGA,Nigeria,2022,476.5,billion US dollars,3,0,{spring},{autumn}",
        f"imf-weo,NGDPD,NGA,Nigeria,2022,645.689,billion US dollars,3,0,{autumn},,,,",
        f"imf-weo,NGDPD,NGA,Nigeria,2025,285.003,billion US dollars,3,1,{autumn},,,,",
        f"imf-weo,NGDPD,USA,United States,2025,30615.743,billion US dollars,3,1,{autumn},{again}",
        f"imf-weo,NGDPD,USA,United States,2025,30615.744,billion US dollars,3,,{again},,,,",
        f"imf-weo,NGDP_RPCH,BOL,Bolivia,2025,-3.2,percent a year,1,1,{spring},,,,",
        f"table:=SUM(1),-7,CIV,Côte d'Ivoire,2020,7,,0,,{live},'=HYPERLINK(1),,,,,,",
        f"""table:=SUM(1),"'@x;'=cmd|""1"",2",CIV,Côte d'Ivoire,2020,-0.5,,1,,{live},'=HYPERLINK(1),,,,,,""",
        "wikipedia-nominal,NGDPD,USA,United States,2025,30507.217,billion US dollars,3,,"
        "2025-11-02  rev000001234567,rev1234567,2025-11-02,,,,,",
        "worldbank-wdi,LP,USA,United States,2024,340.110988,million persons,6,,"
        "2025-07-01  2025-07-01,2025-07-01,2025-07-01,,,,,",
        ""]


def test_the_picture_is_the_table_largest_first(workspace: Path) -> None:
    publish(workspace)
    assert lines(workspace, "Countries_by_GDP.csv") == [
        "Country,GDP_USD_billion,GDP_as_published,Region,Subregion,ISO3,Year,Forecast,Dataset,Vintage,Extracted_At",
        "United States,30615.74,30615.744,North America,Northern America,USA,2025,,imf-weo,2025-10,"
        "2026-11-21T02:24:00Z",
        "Nigeria,285.00,285.003,Africa,Western Africa,NGA,2025,1,imf-weo,2025-10,2026-11-21T02:24:00Z",
        '"Congo, Democratic Republic",82.27,82.265,Africa,Middle Africa,COD,2025,1,imf-weo,2025-10,'
        "2026-11-21T02:24:00Z",
        ""]


def test_the_content_is_the_databases(workspace: Path) -> None:
    """Read with the csv module and asked of SQLite in another way: joins, not the program's own lookups."""
    added = lengthen(workspace, 3000)  # more than one write's lines
    publish(workspace)
    with (workspace / "results/GDP_history.csv").open(encoding="utf-8", newline="") as stream:
        read = [tuple(without(text) for text in row) for row in list(csv.reader(stream))[1:]]
    with closing(sqlite3.connect(workspace / "sqliteDB/World_Economies.db")) as db:
        held = db.execute("""
            SELECT f.dataset, f.indicator, f.iso3, c.name, f.year, f.value_text, f.decimals, f.forecast,
                   a.vintage, a.label, a.published, a.updated, z.vintage, z.label, z.published, z.updated
            FROM fact_gdp AS f JOIN dim_country AS c ON c.iso3 = f.iso3
            JOIN dim_vintage AS a ON a.dataset = f.dataset AND a.vintage = f.from_vintage
            LEFT JOIN dim_vintage AS z ON z.dataset = f.dataset AND z.vintage = f.to_vintage
            ORDER BY f.dataset, f.indicator, f.iso3, f.year, a.vintage""").fetchall()
    assert len(read) == len(RANGES) + added == 15_011
    assert [row[:6] + row[7:] for row in read] == [
        tuple("" if value is None else str(value) for value in row) for row in held]


def without(text: str) -> str:
    """Return a text as it was before the apostrophes."""
    for mark in ("=", "@"):
        text = text.replace(f"'{mark}", mark)
    return text


def test_memory_does_not_grow_with_the_history(workspace: Path) -> None:
    lengthen(workspace, 8000)  # 40,000 ranges: 40 MiB where they are kept
    publish(workspace)
    tracemalloc.start()
    publish(workspace)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (workspace / "results/GDP_history.csv").stat().st_size > 5_000_000
    assert peak < 8_000_000


# --- the package ----------------------------------------------------------------------------------------------------


def test_the_package_says_how_large_each_file_is_and_what_is_in_it(workspace: Path) -> None:
    package = publish(workspace)
    for resource, rows in zip(package["resources"], (3, 11), strict=True):
        data = (workspace / "results" / resource["path"]).read_bytes()
        assert (resource["bytes"], resource["hash"]) == (len(data), f"sha256:{hashlib.sha256(data).hexdigest()}")
        assert resource["rows"] == rows == data.count(b"\n") - 1
        names = [field["name"] for field in resource["schema"]["fields"]]
        assert ",".join(names).encode() == data.splitlines()[0]
        assert all(field["description"] for field in resource["schema"]["fields"])
    assert [resource["path"] for resource in package["resources"]] == ["Countries_by_GDP.csv", "GDP_history.csv"]


def test_the_parts_are_those_files(workspace: Path) -> None:
    opened = Workspace(workspace)
    parts = datapackage.write(opened, open_target("sqlite", opened))
    assert [(part.relative_path, part.rows) for part in parts] == [
        ("results/Countries_by_GDP.csv", 3), ("results/GDP_history.csv", 11), ("results/datapackage.json", 1)]
    for part in parts:
        data = (workspace / part.relative_path).read_bytes()
        assert (part.bytes, part.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_licences_and_citations_are_the_publishers(workspace: Path) -> None:
    package = publish(workspace)
    by_dataset = {source["dataset"]: source for source in package["sources"]}
    names = {dataset: [licence.get("name", licence["path"]) for licence in source["licenses"]]
             for dataset, source in by_dataset.items()}
    assert names == {"imf-weo": ["https://www.imf.org/external/terms.htm"], "worldbank-wdi": ["CC-BY-4.0"],
                     "wikipedia-nominal": ["CC-BY-SA-4.0"], "table:=SUM(1)": []}
    assert [licence.get("name", "IMF") for licence in package["licenses"]] == ["IMF", "CC-BY-SA-4.0", "CC-BY-4.0"]
    assert [each["citation"] for each in by_dataset["imf-weo"]["citations"]] == [
        "International Monetary Fund, World Economic Outlook Database, April 2025, "
        "https://www.imf.org/en/Publications/WEO",
        "International Monetary Fund, World Economic Outlook Database, October 2025, "
        "https://www.imf.org/en/Publications/WEO",
        "International Monetary Fund, World Economic Outlook Database, October 2025, updated 2025-11-03, "
        "https://www.imf.org/en/Publications/WEO"]
    picture = package["resources"][0]
    assert picture["citation"] == by_dataset["imf-weo"]["citations"][2]["citation"]
    assert picture["licenses"] == by_dataset["imf-weo"]["licenses"]


def test_the_same_figures_are_the_same_bytes(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = publish(workspace)
    before = {name: (workspace / "results" / name).read_bytes() for name in FILES}
    monkeypatch.setattr(datapackage, "utc_now", lambda: "2099-01-01T00:00:00Z")
    publish(workspace)
    assert {name: (workspace / "results" / name).read_bytes() for name in FILES} == before
    revise(workspace)
    third = publish(workspace)
    assert third["created"] == "2099-01-01T00:00:00Z"
    assert third["version"] != first["version"]


@pytest.mark.parametrize("there", ["", "[]", "{}", "no JSON", '{"created": 1'], ids=repr)
def test_what_stands_in_its_place_is_replaced(workspace: Path, there: str) -> None:
    (workspace / "results/datapackage.json").write_text(there, encoding="utf-8")
    assert publish(workspace)["name"] == "world-economies"


# --- the validator ----------------------------------------------------------------------------------------------------


def faults(workspace: Path) -> list[str]:
    """Return what the Frictionless validator finds, each once."""
    limit = csv.field_size_limit()
    frictionless = pytest.importorskip("frictionless", reason="the validator is not installed: pip install '.[dev]'")
    report = frictionless.validate(str(workspace / "results" / "datapackage.json"))
    csv.field_size_limit(limit)  # the validator raises it for the whole process, and sources quarantine by it
    return sorted({kind for kind, in report.flatten(["type"])})


def test_the_validator_finds_it_valid(workspace: Path) -> None:
    publish(workspace)
    assert faults(workspace) == []


def test_a_database_without_a_figure_makes_a_valid_package(tmp_path: Path) -> None:
    Database(tmp_path / "w")
    (tmp_path / "w/results").mkdir()
    package = publish(tmp_path / "w")
    assert (package["sources"], "licenses" in package) == ([], False)
    assert faults(tmp_path / "w") == []


def in_history(old: str, new: str) -> Callable[[Path], None]:
    def harm(workspace: Path) -> None:
        path = workspace / "results" / "GDP_history.csv"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return harm


def in_package(key: str, value: object) -> Callable[[Path], None]:
    def harm(workspace: Path) -> None:
        path = workspace / "results" / "datapackage.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        content["resources"][1][key] = value
        path.write_text(json.dumps(content), encoding="utf-8")
    return harm


@pytest.mark.parametrize(("harm", "found"), [
    (in_history("645.689", "645.688"), ["hash-count"]),
    (in_history("645.689", "645,689"), ["extra-cell", "hash-count", "type-error"]),
    (in_history("645.689", "645.68x"), ["hash-count", "type-error"]),
    (in_history("2022,645", "2025,645"), ["hash-count", "primary-key"]),
    (in_history("COD,", "cod,"), ["constraint-error", "foreign-key", "hash-count"]),
    (in_package("rows", 10), ["row-count"]),
    (in_package("bytes", 10), ["byte-count"]),
    (in_package("hash", "sha256:" + "0" * 64), ["hash-count"]),
    (in_package("path", "elsewhere.csv"), ["scheme-error"]),
], ids=["a digit", "a comma", "a letter", "a key twice", "a code", "rows", "bytes", "hash", "path"])
def test_the_validator_finds_what_is_wrong(workspace: Path, harm: Callable[[Path], None], found: list[str]) -> None:
    publish(workspace)
    harm(workspace)
    assert faults(workspace) == found


# --- no package that lies -------------------------------------------------------------------------------------------


def lies(workspace: Path) -> list[str]:
    """Return the files that are not what the package says of them; none where there is no package."""
    package = workspace / "results" / "datapackage.json"
    if not package.exists():
        return []
    told = {each["path"]: each["hash"] for each in json.loads(package.read_text(encoding="utf-8"))["resources"]}
    return [name for name, digest in told.items()
            if f"sha256:{hashlib.sha256((workspace / 'results' / name).read_bytes()).hexdigest()}" != digest]


def struck(workspace: Path, act: str, at: int) -> subprocess.CompletedProcess[str]:
    """Publish in a process that is struck at its N-th opening, flushing or renaming of a file."""
    return subprocess.run(
        [sys.executable, str(FAULTS / "publish.py"), str(workspace)], capture_output=True, encoding="utf-8",
        env={"PYTHONPATH": str(FAULTS), "FAULT_SCRIPT": "publish.py", "FAULT_ACT": act, "FAULT_AT": str(at)},
        timeout=60, check=False)


def stand(workspace: Path) -> list[bytes | None]:
    paths = [workspace / "results" / name for name in FILES]
    return [path.read_bytes() if path.exists() else None for path in paths]


@pytest.mark.parametrize(("act", "step"), [
    ("kill", 3), *(pytest.param(act, 1, marks=pytest.mark.full) for act in ("kill", "full"))])
def test_whoever_is_struck_leaves_whole_files_and_no_package_that_lies(
        workspace: Path, tmp_path: Path, act: str, step: int) -> None:
    publish(workspace)
    old = stand(workspace)
    revise(workspace)
    publish(Path(shutil.copytree(workspace, tmp_path / "undisturbed")))
    new = stand(tmp_path / "undisturbed")
    assert [one == other for one, other in zip(old, new, strict=True)] == [False] * 3
    seen = []
    for at in range(1, 40, step):
        place = Path(shutil.copytree(workspace, tmp_path / f"struck-{at}"))
        done = struck(place, act, at)
        left = stand(place)
        for name, there, before, after in zip(FILES, left, old, new, strict=True):
            assert untimed(there) in (untimed(before), untimed(after)) or (
                name == "datapackage.json" and there is None), f"{act} at {at}: {name}"
        assert lies(place) == [], f"{act} at {at}"
        seen.append("old" if left == old else "none" if left[2] is None else "new")
        if act == "full" and done.returncode:
            assert "DiskFull" in done.stderr
            assert half_written(place) == []
        publish(place)  # the next one makes all good
        assert [untimed(each) for each in stand(place)] == [untimed(each) for each in new]
        if done.returncode == 0:
            break
    assert done.returncode == 0
    assert seen == (["old"] * 9 + ["none"] * 9 + ["new"] * (1 + step))[::step]


def untimed(data: bytes | None) -> bytes:
    """Return a file without the time that the package was made."""
    return b"\n".join(line for line in (data or b"").splitlines() if b'"created"' not in line)


def test_a_damaged_database_leaves_the_old_files(workspace: Path) -> None:
    database = workspace / "sqliteDB" / "World_Economies.db"
    lengthen(workspace, 3000)
    publish(workspace)
    before, data = stand(workspace), database.read_bytes()
    database.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
    with pytest.raises(TargetRefused, match="SQLite refuses: database disk image is malformed"):
        publish(workspace)
    assert stand(workspace) == before
    assert half_written(workspace) == []
