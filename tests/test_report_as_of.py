"""report.py --as-of: both tables as they were; and what all questions share: they only look, and refuse options."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.history_db import Database, key
from tests.project import PROJECT, run, sql


def as_of(workspace: Path, when: str, *more: str) -> dict[str, Any]:
    done = run("report.py", f"--as-of={when}", "--min-gdp", "0", "--format", "json", *more, workspace=workspace)
    assert done.returncode == 0, done.stderr
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def values(report: dict[str, Any]) -> dict[str, tuple[int, float, str]]:
    found = {row["ISO3"]: (row["Year"], row["GDP_USD_billion"], row["Forecast"]) for row in report["economies"]}
    assert len(found) == len(report["economies"]), "a country twice"
    return found


APRIL_2024 = {"USA": (2024, 28781.08, "forecast"), "TWN": (2024, 802.96, "forecast"), "NGA": (2024, 252.74, "forecast")}
APRIL_2025 = {"USA": (2025, 30507.22, "forecast"), "NGA": (2025, 194.96, "forecast")}


@pytest.mark.parametrize(("when", "taken", "expected"), [
    ("2024-04", "2024-04-16", APRIL_2024),
    ("2024-04-16", "2024-04-16", APRIL_2024),
    ("2024-10-21", "2024-04-16", APRIL_2024),
    ("2025-04", "2025-04-22", APRIL_2025),
    ("2999-12-31", "2025-04-22", APRIL_2025),
], ids=["a label", "its day", "the day before the next", "the last printing", "a day to come"])
def test_the_economies_are_those_of_then(held: Path, when: str, taken: str, expected: object) -> None:
    report = as_of(held, when)
    assert (values(report), report["published"], report["dataset"]) == (expected, taken, "imf-weo")


@pytest.mark.parametrize(("when", "expected"), [
    ("2025-04+2025-04-22", {"USA": (2023, 27720.73, "actual"), "TWN": (2023, 756.59, "actual"),
                            "NGA": (2023, 363.85, "actual"), "LIE": (2023, 8.3, "actual")}),
    ("2025-04+2025-05-02", {"USA": (2023, 27720.73, "actual"), "TWN": (2023, 756.59, "actual"),
                            "LIE": (2023, 8.3, "actual")}),
    ("2024-10", {"USA": (2023, 27360.94, "actual"), "TWN": (2023, 756.59, "actual"), "NGA": (2023, 363.85, "actual")}),
], ids=["first printing", "second printing, which withdrew a figure", "before one appeared"])
def test_another_year_of_each_printing(held: Path, when: str, expected: object) -> None:
    assert values(as_of(held, when, "--year", "2023")) == expected


def test_regions_and_other_indicators_are_of_the_same_vintage(held: Path) -> None:
    report = as_of(held, "2024-10")
    assert [(row["Region"], row["Sum_GDP_USD_billion"], row["Top5"]) for row in report["regions"]] == [
        ("North America", 29167.78, "USA"), ("Asia", 802.96, "TWN"), ("Africa", 252.74, "NGA")]
    assert [(row["ISO3"], row["Growth_percent"]) for row in report["economies"]] == [
        ("USA", 2.8), ("TWN", None), ("NGA", None)]
    assert as_of(held, "2024-04", "--region", "africa")["economies"][0]["ISO3"] == "NGA"


def test_csv_says_the_vintage_and_people_read_which_was_taken(held: Path) -> None:
    done = run("report.py", "--as-of", "2024-06-30", "--format", "csv", "--top", "1", workspace=held)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["GDP_USD_billion"], row["Dataset"], row["Vintage"]) for row in rows] == [
        ("28781.08", "imf-weo", "2024-04")]
    done = run("report.py", "--as-of", "2024-06-30", workspace=held)
    assert "Economies: imf-weo April 2024 (by bundled), published 2024-04-16, figures of 2024\n" in done.stdout
    assert "On 2024-06-30 the newest was April 2024." in done.stdout


def test_another_dataset_whose_label_is_a_date(held: Path) -> None:
    report = as_of(held, "2024-03-28", "--dataset", "worldbank-wdi")
    assert values(report) == {"USA": (2023, 27720.72, ""), "NGA": (2023, 487.3, "")}
    assert "2024-03-28 is the label of a vintage, and was taken as that." in report["notes"]


@pytest.mark.parametrize(("arguments", "says"), [
    (["--as-of", "2024-04-15"], "imf-weo has nothing as old as 2024-04-15; the nearest is 2024-04. It has 4: the "
     "first is 2024-04 (2024-04-16), the last 2025-04+2025-05-02 (2025-05-02)"),
    (["--as-of", "2024-12"], "imf-weo has no vintage '2024-12'; the nearest is 2024-10"),
    (["--as-of", "2024-04", "--year", "1999"], "imf-weo April 2024 has no GDP for 1999: it has 2023 to 2025"),
    (["--as-of", "2024-04", "--dataset", "imf-woe"], "no dataset 'imf-woe'; did you mean imf-weo? It has imf-weo, "
     "worldbank-wdi"),
    (["--as-of", "2024-04", "--region", "Asai"], "There is no region named 'Asai'"),
    (["--as-of", "2024-04", "--revisions"], "not allowed with argument"),
    (["--since", "2024-04"], "--since goes with --revisions"),
    (["--as-of", "2024-04", "--tolerance", "3"], "--tolerance goes with --compare, not with --as-of"),
    (["--as-of", "2024-04", "--country", "NGA"],
     "--country goes with --revisions, --compare and --png, not with --as-of"),
], ids=["before all", "no such label", "year", "dataset", "region", "two questions", "no question", "idle", "country"])
def test_what_is_not_there_is_refused(held: Path, arguments: list[str], says: str) -> None:
    before = everything(held)
    done = run("report.py", *arguments, workspace=held)
    assert (done.returncode, says in done.stderr, done.stdout) == (2, True, ""), done.stderr
    assert everything(held) == before


def everything(workspace: Path) -> dict[str, tuple[int, int]]:
    return {path.relative_to(workspace).as_posix(): (path.stat().st_mtime_ns, path.stat().st_size)
            for path in workspace.rglob("*")}


# --- cells that carry their own years -------------------------------------------------------------------------------

WIKI = (("wikipedia-nominal", "111", "2024-06-30", "2024-06-30T10:00:00Z"),
        ("wikipedia-nominal", "222", "2025-01-07", "2025-01-07T10:00:00Z"))


@pytest.fixture(scope="module")
def wiki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = tmp_path_factory.mktemp("wiki") / "w"
    database, (old, new) = Database(workspace), map(key, WIKI)
    for vintage in WIKI:
        database.vintage(vintage, picture_year=0, channel="wikipedia")
    for iso3, year, begin, end, text, spoken in (
            ("USA", 2024, old, None, "28781.083", [old]), ("USA", 2025, new, None, "30337.162", [new]),
            ("ERI", 2019, old, None, "1.982", [old, new]), ("CUB", 2020, old, None, "107.352", [old]),
            ("SYR", 2010, old, new, "60.043", [old, new]), ("SYR", 2010, new, None, "60.1", []),
            ("NGA", 2023, old, None, "363.846", [old, new]), ("NGA", 2024, old, None, "252.738", [old, new])):
        database.fact("wikipedia-nominal", "NGDPD", iso3, year, begin, end, text)
        for vintage in spoken:
            database.run("INSERT INTO dim_scope_key VALUES ('wikipedia-nominal', 'NGDPD', ?, ?, ?)",
                         (iso3, year, vintage))
    database.picture(WIKI[1])
    return workspace


@pytest.mark.parametrize(("when", "expected"), [
    ("111", {"USA": (2024, 28781.08, ""), "NGA": (2024, 252.74, ""), "CUB": (2020, 107.35, ""),
             "SYR": (2010, 60.04, ""), "ERI": (2019, 1.98, "")}),
    ("222", {"USA": (2025, 30337.16, ""), "NGA": (2024, 252.74, ""), "SYR": (2010, 60.1, ""),
             "ERI": (2019, 1.98, "")}),
])
def test_only_what_the_revision_says_itself_and_the_latest_year(wiki: Path, when: str, expected: object) -> None:
    assert values(as_of(wiki, when)) == expected


def test_a_year_of_a_revision(wiki: Path) -> None:
    assert values(as_of(wiki, "222", "--year", "2024")) == {"NGA": (2024, 252.74, "")}


# --- they only look -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("question", [
    ["--as-of", "2024-04"], ["--revisions"], ["--compare=imf-weo,worldbank-wdi"], ["--explain", "USA", "2024"],
], ids=lambda each: each[0])
@pytest.mark.parametrize("form", ["table", "csv", "json", "markdown"])
def test_a_question_changes_nothing(held: Path, question: list[str], form: str) -> None:
    before = everything(held)
    done = run("report.py", *question, "--format", form, workspace=held)
    assert (done.returncode, done.stderr, bool(done.stdout)) == (0, "", True)
    assert everything(held) == before
    if form == "table":
        assert max(map(len, done.stdout.splitlines())) <= 120


def test_lasting_options_are_read_from_the_environment_and_questions_are_not(held: Path) -> None:
    env = {"WORLD_ECONOMIES_REGION": "Africa", "WORLD_ECONOMIES_FORMAT": "json", "WORLD_ECONOMIES_COUNTRY": "USA",
           "WORLD_ECONOMIES_DATASET": "worldbank-wdi", "WORLD_ECONOMIES_SINCE": "2024-04"}
    report = json.loads(run("report.py", "--as-of", "2025-04", workspace=held, env=env).stdout)
    assert [(row["ISO3"], row["GDP_USD_billion"]) for row in report["economies"]] == [("NGA", 194.96)]
    done = run("etl_process.py", "--as-of", "2024-04", workspace=held)
    assert (done.returncode, "Unrecognized arguments: --as-of" in done.stderr) == (2, True)


def test_an_old_database_is_to_be_loaded_again(tmp_path: Path) -> None:
    Database(tmp_path / "w", schema=1)
    for arguments in (["--as-of", "2024-04"], ["--no-html"]):
        done = run("report.py", *arguments, workspace=tmp_path / "w")
        assert (done.returncode, "has schema 1" in done.stderr, "python load.py" in done.stderr) == (5, True, True)


@pytest.mark.parametrize("question", [["--as-of", "2024-04"], ["--revisions"], ["--compare", "a,b"],
                                      ["--explain", "USA", "2024"]], ids=lambda each: each[0])
def test_a_database_with_nothing_in_it_and_none(tmp_path: Path, question: list[str]) -> None:
    Database(tmp_path / "w")
    for workspace in (tmp_path / "w", tmp_path / "nowhere"):
        done = run("report.py", *question, workspace=workspace)
        assert (done.returncode, "There is no vintage in the database yet" in done.stderr) == (5, True), done.stderr
    assert not (tmp_path / "nowhere").exists()


def test_the_query_to_paste_says_the_same(held: Path) -> None:
    page = (PROJECT / "docs" / "history.md").read_text(encoding="utf-8")
    query = re.findall(r"^```sql\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[0]
    assert "'2024-04'" in query
    with closing(sqlite3.connect(held / "sqliteDB" / "World_Economies.db")) as connection:
        rows = connection.execute(query).fetchall()
    assert [row[:3] for row in rows] == [("United States", 2024, "28781.083"), ("Taiwan", 2024, "802.958"),
                                         ("Nigeria", 2024, "252.738")]


def test_the_bundle_as_of_april_2024(bundle: Path) -> None:
    report = as_of(bundle, "2024-04", "--top", "3")
    assert values(report) == {"USA": (2024, 28781.08, "forecast"), "CHN": (2024, 18532.63, "forecast"),
                              "DEU": (2024, 4591.1, "forecast")}
    assert report["regions"][0] == {
        "Region": "North America", "Top5_mean_GDP_USD_billion": 6657.08, "Counted": 5, "Top5": "USA CAN MEX DOM PRI",
        "Economies": 24, "Sum_GDP_USD_billion": 33780.58}
    everyone = as_of(bundle, "2021-04-30")
    assert len(values(everyone)) == sql(bundle, """
        SELECT count(*) FROM fact_gdp WHERE dataset = 'imf-weo' AND indicator = 'NGDPD' AND year = 2021
        AND from_vintage = (SELECT min(vintage) FROM dim_vintage)""")[0][0]
