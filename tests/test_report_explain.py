"""report.py --explain: every value ever held, its witnesses, and the cell in the archived bytes it came from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.countries import load_identity
from questions._source import Cell, Wanted, rules
from rules.records import StagedRecord
from tests.history_db import Database, history, key
from tests.project import run

IDENTITY = load_identity()
TABLE = ("code,year,gdp\n"
         "JPN,2024,\"4,026,211.0\"\n"
         "KOR,2023,\"1,839,061.5\"\n"
         "KOR,2024,\"1,869,714.0\"\n"
         "USA,2024,29184890\n")


def explain(workspace: Path, *more: str) -> dict[str, Any]:
    done = run("report.py", "--explain", *more, "--format", "json", workspace=workspace)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def archived(workspace: Path, table: str = TABLE, name: str = "own.csv") -> str:
    """Let extract.py archive a table of millions; return the archive's id."""
    file = workspace.parent / name
    file.write_text(table, encoding="utf-8")
    done = run("extract.py", "--source", "table", "--input", file, "--unit", "million", "--vintage", "2025-04",
               "--dataset", "own", workspace=workspace)
    assert done.returncode == 0, done.stderr
    return max(path.stem for path in (workspace / "results" / "archive").glob("*.json"))


OWN = ("table:own", "2025-04", "2025-04-01", "")


@pytest.fixture
def held(tmp_path: Path) -> Path:
    """A figure of a table with one witness whose bytes are archived, and another whose are not."""
    workspace = tmp_path / "w"
    archive_id = archived(workspace)
    database = Database(workspace)
    database.vintage(OWN, channel="table", archive_id=archive_id, sha256="e" * 64)
    database.witness("table:own/2025-04/digest", "other", "20260101T000000Z-other-0123abcd", "f" * 64, run_id="second",
                     fetched_at="2026-02-02T00:00:00Z")
    database.scope("table:own", "NGDPD", key(OWN), 2023, 2024)
    database.fact("table:own", "NGDPD", "KOR", 2024, key(OWN), None, "1869.714", 4, 1)
    database.picture(OWN)
    return workspace


def test_the_cell_is_found_again_in_the_archived_bytes(held: Path) -> None:
    first, second = explain(held, "KOR", "2024")["sources"]
    sha256 = hashlib.sha256(TABLE.encode()).hexdigest()
    assert {name: first[name] for name in ("Value", "Channel", "Raw", "Locator", "Sha256", "Files", "Fault")} == {
        "Value": "1869.714", "Channel": "table", "Raw": "1,869,714.0", "Locator": first["Locator"], "Sha256": [sha256],
        "Files": [f"results/archive/bodies/{sha256[:2]}/{sha256} (data)"], "Fault": ""}
    assert "line 4" in first["Locator"]
    assert first["Rules"] == [
        f"code 'KOR': South Korea (KOR), by the country table of {IDENTITY.version}",
        "'1,869,714.0' is read as 1869714: thousands marks removed, closing zeros dropped",
        "US$, Millions to billion US dollars: times ten to the power of -3",
        "4 decimals, as this cell is written",
        "the source does not tell forecasts from actuals",
        "shown as 1,869.71 in Countries_by_GDP and reports: half up to 2 places"]
    assert "The archive has no entry '20260101T000000Z-other-0123abcd'" in second["Fault"]


def test_a_body_that_is_gone_is_said(held: Path) -> None:
    next(path for path in (held / "results/archive/bodies").rglob("*") if path.is_file()).unlink()
    first = explain(held, "KOR", "2024")["sources"][0]
    assert ("is missing" in first["Fault"], first["Raw"], first["Rules"]) == (True, "", [])
    screen = run("report.py", "--explain", "KOR", "2024", workspace=held)
    words = screen.stdout.split()
    assert (screen.returncode, "\nnot shown " in screen.stdout, words[words.index("fingerprint") + 1]) == (
        0, True, "f" * 64)
    assert "e" * 64 not in screen.stdout  # the fingerprint is not the sha256 of bytes, which their path tells


def test_a_damaged_record_and_a_source_that_is_no_more(held: Path) -> None:
    record = next((held / "results/archive").glob("*.json"))
    content = json.loads(record.read_text())
    record.write_text(json.dumps(content | {"source": "tables"}))
    assert "no source named 'tables'" in explain(held, "KOR", "2024")["sources"][0]["Fault"]
    record.write_text("{")
    assert "is no JSON" in explain(held, "KOR", "2024")["sources"][0]["Fault"]


def test_bytes_that_say_otherwise_are_told(tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    archive_id = archived(workspace, TABLE.replace("1,869,714.0", "1,900,000.0"))
    database = Database(workspace)
    database.vintage(OWN, channel="table", archive_id=archive_id)
    for iso3, text in (("KOR", "1869.714"), ("JPN", "4026.2113"), ("CHN", "1")):
        database.fact("table:own", "NGDPD", iso3, 2024, key(OWN), None, text, 4, 1)
    database.picture(OWN)
    assert explain(workspace, "KOR", "2024")["sources"][0]["Rules"][-1] == (
        "the database holds 1869.714: the archived answer says otherwise")
    assert explain(workspace, "CHN", "2024")["sources"][0]["Fault"] == "the archived answer has no such figure"


def test_the_last_of_two_cells_for_one_figure_is_the_one(tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    archive_id = archived(workspace, TABLE + "KOR,2024,\"1,870,000.0\"\n")
    database = Database(workspace)
    database.vintage(OWN, channel="table", archive_id=archive_id)
    database.fact("table:own", "NGDPD", "KOR", 2024, key(OWN), None, "1870", 4, 1)
    database.picture(OWN)
    assert explain(workspace, "KOR", "2024")["sources"][0]["Raw"] == "1,870,000.0"


def test_the_same_figures_many_times_are_read_once(held: Path) -> None:
    database = Database(held)
    archive_id = json.loads(next((held / "results/archive").glob("*.json")).read_text())["id"]
    for night in range(3):
        database.witness("table:own/2025-04/digest", "table", archive_id, run_id=f"night {night}",
                         fetched_at=f"2026-03-0{night + 1}T00:00:00Z")
    told = [row["Fault"] for row in explain(held, "KOR", "2024")["sources"] if row["Channel"] == "table"]
    assert told == ["", *["the same figures by the same channel as above"] * 3]


@pytest.mark.parametrize(("country", "year", "expected"), [
    ("USA", "2024", [("2024-04", "2024-04", "28781.083", "forecast"), ("2024-10", "2024-10", "29167.779", "forecast"),
                     ("2025-04+2025-04-22", "2025-04+2025-04-22", "29184.89", "actual"),
                     ("2025-04+2025-05-02", "now", "29185.005", "actual")]),
    ("nigeria", "2023", [("2024-04", "2025-04+2025-04-22, withdrawn in 2025-04+2025-05-02", "363.846", "actual"),
                         ("2024-03-28", "now", "487.3", "")]),
])
def test_every_value_ever_held(tmp_path: Path, country: str, year: str, expected: object) -> None:
    workspace = history(tmp_path / "w")
    report = explain(workspace, country, year)
    assert [(row["From"], row["Until"], row["Value"], row["Status"]) for row in report["values"]] == expected
    assert {row["Fault"] for row in report["sources"]} == {"the load names no archived answer"}
    only = explain(workspace, country, year, "--dataset", "imf-weo")
    assert {row["Dataset"] for row in only["values"]} == {"imf-weo"}


@pytest.mark.parametrize(("arguments", "says", "advice"), [
    (["USA", "24"], "'24' is no year", ""), (["Utopia", "2024"], "There is no country 'Utopia'", ""),
    (["USA", "1999"], "has NGDPD of United States for 1999; there are 2023-2025", "--explain USA 2023"),
    (["PRK", "2020"], "No vintage of imf-weo, worldbank-wdi has NGDPD of North Korea for 2020", "--source worldbank"),
], ids=["year", "country", "no such year", "no such figure"])
def test_what_is_not_there_is_refused(tmp_path: Path, arguments: list[str], says: str, advice: str) -> None:
    done = run("report.py", "--explain", *arguments, workspace=history(tmp_path / "w"))
    assert (done.returncode, says in done.stderr, advice in done.stderr) == (2, True, True), done.stderr


# --- the rules in words ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("raw", "unit", "scale", "mark", "stated", "held", "expected"), [
    ("7007806837870000000♠98,964[6]", "US$ million", "", ".", None, ("98.964", 3), [
        "'7007806837870000000♠98,964[6]' is read as 98964: the hidden sort key before ♠ left out, footnote marks left "
        "out, thousands marks removed", "US$ million to billion US dollars: times ten to the power of -3",
        "3 decimals, as this cell is written"]),
    ("1.869,714", "U.S. dollars", "Billions", ",", None, ("1869.714", 3), [
        "'1.869,714' is read as 1869.714: the comma is the decimal mark, thousands marks removed",
        "U.S. dollars, Billions to billion US dollars: the same", "3 decimals, as this cell is written"]),
    ("27720709000000", "current US$", "", ".", 0, ("27720.709", 9), [
        "'27720709000000' is read as it stands", "current US$ to billion US dollars: times ten to the power of -9",
        "9 decimals, as the publisher states them for all of NGDPD"]),
    ("1.8697e3", "U.S. dollars", "9", ".", 3, ("1869.714", 3), [
        "'1.8697e3' is read as 1869.7: the exponent written out", "U.S. dollars, 9 to billion US dollars: the same",
        "3 decimals, as the publisher states them for all of NGDPD"]),
], ids=["wikipedia", "decimal comma", "world bank", "exponent"])
def test_rules_in_words(raw: str, unit: str, scale: str, mark: str, stated: int | None, held: tuple[str, int],
                        expected: list[str]) -> None:
    cell = Cell(StagedRecord("542", "Korea", "NGDPD", "2024", raw, unit, scale, "", "line 1"), decimal_mark=mark,
                stated=stated)
    assert rules(cell, Wanted("imf-weo/2024-04", "NGDPD", "KOR", 2024, *held), IDENTITY)[1:4] == expected


@pytest.mark.parametrize(("status", "last", "says"), [
    ("actual", 0, "actual: the source has 2024 as an actual year of this series"),
    ("forecast", 2023, "forecast: the source has 2024 as a forecast of this series, whose last actual year is 2023"),
    ("forecast", 0, "forecast: the source has 2024 as a forecast of this series"),
    ("", 0, "the source does not tell forecasts from actuals"),
])
def test_forecast_in_words(status: str, last: int, says: str) -> None:
    cell = Cell(StagedRecord("542", "", "NGDPD", "2024", "1", "US$", "Billions", status, ""), last_actual=last)
    assert says in rules(cell, Wanted("x/y", "NGDPD", "KOR", 2024, "1", 0), IDENTITY)


def test_the_finer_writing_of_another_witness(tmp_path: Path) -> None:
    cell = Cell(StagedRecord("KOR", "", "NGDPD", "2024", "1869.7", "US$", "Billions", "", ""))
    assert rules(cell, Wanted("x/y", "NGDPD", "KOR", 2024, "1869.714", 3), IDENTITY)[-1] == (
        "the database holds 1869.714, the finer writing of another witness")


def test_korea_in_the_bundle(bundle: Path) -> None:
    report = explain(bundle, "KOR", "2024")
    assert [(row["From"], row["Value"], row["Status"]) for row in report["values"]] == [
        ("2021-04", "2052.934", "forecast"), ("2021-10", "2115.032", "forecast"), ("2022-04", "2014.925", "forecast"),
        ("2022-10", "1879.043", "forecast"), ("2023-04", "1792.727", "forecast"), ("2023-10", "1784.805", "forecast"),
        ("2024-04", "1760.947", "forecast"), ("2024-10", "1869.916", "forecast"), ("2025-04", "1869.714", "actual"),
        ("2025-10", "1875.388", "actual")]
    assert [row["Locator"] for row in report["sources"]][:2] == ["2025-10/KOR/NGDPD/2024", "2025-04/542/NGDPD/2024"]
    assert report["sources"][1]["Rules"][0].startswith("code '542': South Korea (KOR), by the country table of ")
    assert not [row["Fault"] for row in report["sources"] if row["Fault"]]
