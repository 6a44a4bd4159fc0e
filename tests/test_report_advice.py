"""report.py's questions: the command that a refusal names works when it is typed, and nothing older is shown unsaid."""

from __future__ import annotations

import json
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.history_db import WEO, Database, history, key
from tests.project import run


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return history(tmp_path_factory.mktemp("held") / "w")


def advised(told: str) -> list[str]:
    """Return the arguments of the command that a refusal names."""
    line = next(line for line in told.splitlines() if line.startswith("  next:"))
    words = shlex.split(line.partition("next:")[2].partition("   #")[0])
    return words[next(at for at, word in enumerate(words) if word.endswith("report.py")) + 1:]


@pytest.mark.parametrize(("arguments", "says", "typed"), [
    (["--as-of", "2024"], "has no vintage '2024'; the nearest is 2024-10", ["--as-of", "2024-10"]),
    (["--as-of", "May 2024"], "has no vintage 'May 2024'; the nearest is 2024-04", ["--as-of", "2024-04"]),
    (["--as-of", "2024-06-31"], "--as-of 2024-06-31: the calendar has no such day", ["--as-of", "2024-06-30"]),
    (["--as-of", "2025-13-05"], "--as-of 2025-13-05: the calendar has no such day", ["--as-of", "2025-12-31"]),
    (["--as-of", "2024-03-28"], "imf-weo has no vintage '2024-03-28'; worldbank-wdi has it",
     ["--as-of", "2024-03-28", "--dataset", "worldbank-wdi"]),
    (["--as-of", "2024-04", "--region", "Nort America"], "There is no region named 'Nort America'",
     ["--as-of", "2024-04", "--region", "North America"]),
    (["--as-of", "2024-04", "--year", "1999"], "has no GDP for 1999", ["--as-of", "2024-04", "--year", "2023"]),
    (["--region", "asai", "--revisions"], "There is no region named 'asai'", ["--revisions", "--region", "Asia"]),
    (["--revisions", "--country", "Untied States"], "close to it: United States",
     ["--revisions", "--country", "United States"]),
    (["--explain", "Untied States", "2024"], "close to it: United States", ["--explain", "United States", "2024"]),
    (["--explain", "XXX", "2024"], "There is no country 'XXX'", ["--explain", "NGA", "2024"]),
    (["--compare", "imf-weo,worldbank-wdi", "--year", "1990"], "imf-weo has no NGDPD for 1990",
     ["--compare", "imf-weo,worldbank-wdi", "--year", "2023"]),
], ids=["year", "month", "day", "month of thirteen", "another dataset's", "region as of", "before the first year",
        "region", "country", "explained", "nobody", "compared"])
def test_the_command_that_a_refusal_names_works(held: Path, arguments: list[str], says: str, typed: list[str]) -> None:
    done = run("report.py", *arguments, workspace=held)
    assert (done.returncode, says in done.stderr) == (2, True), done.stderr
    words = [word for word in advised(done.stderr) if word not in ("--workspace", str(held))]
    assert words == typed
    assert run("report.py", *words, workspace=held).returncode == 0


def test_a_vintage_is_named_as_headings_name_it(held: Path) -> None:
    done = run("report.py", "--as-of", "April 2024", workspace=held)
    assert "Economies: imf-weo April 2024 (by bundled), published 2024-04-16, figures of 2024\n" in done.stdout


def test_a_table_without_a_vintage_has_no_history(tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    file.write_text("country,year,gdp\nGermany,2024,4700000\n")
    for script in (["extract.py", "--source", "table", "--input", str(file), "--unit", "million"], ["transform.py"],
                   ["load.py"]):
        assert run(*script, workspace=tmp_path / "w").returncode == 0
    for question in (["--as-of", "2024-04"], ["--revisions"], ["--revisions", "--country", "DEU"]):
        done = run("report.py", *question, workspace=tmp_path / "w")
        assert (done.returncode, "table:own is a picture and no history" in done.stderr) == (2, True), done.stderr


def test_a_rate_is_ordered_by_the_points_that_are_shown(tmp_path: Path) -> None:
    database = Database(tmp_path / "w")
    old, new = (WEO, "2024-04", "2024-04-16", ""), (WEO, "2024-10", "2024-10-22", "")
    for vintage in (old, new):
        database.vintage(vintage)
        database.scope(WEO, "PCPIPCH", key(vintage), 2024, 2024)
    for iso3, then, now in (("TGO", "0.2", "3.2"), ("MWI", "5.5", "17.4")):  # 1,500 % of 0.2, and 12 points
        database.fact(WEO, "PCPIPCH", iso3, 2024, key(old), key(new), then, 1, 1)
        database.fact(WEO, "PCPIPCH", iso3, 2024, key(new), None, now, 1, 1)
    database.picture(new)
    done = run("report.py", "--revisions", "--indicator", "PCPIPCH", "--by", "percent", "--format", "json",
               workspace=tmp_path / "w")
    assert [row["ISO3"] for row in json.loads(done.stdout)["revisions"]] == ["MWI", "TGO"]


def test_steps_say_how_many_are_left_out(held: Path) -> None:
    shown = run("report.py", "--revisions", "--country", "USA", "--top", "1", workspace=held).stdout
    assert "3 other changes are not shown; without --top all are." in shown
    assert "not shown" not in run("report.py", "--revisions", "--country", "USA", workspace=held).stdout


def test_figures_that_a_vintage_does_not_speak_for_are_told(tmp_path: Path) -> None:
    """A report of some economies between or after whole editions: silence leaves the older figure standing."""
    database = Database(tmp_path / "w")
    old, new = (WEO, "2024-04", "2024-04-16", ""), (WEO, "2024-10", "2024-10-22", "")
    for vintage in (old, new):
        database.vintage(vintage)
    for indicator in ("NGDPD", "LP"):
        database.scope(WEO, indicator, key(old), 2024, 2025)
    for iso3, text in (("USA", "28781.083"), ("UKR", "188.943")):
        database.fact(WEO, "NGDPD", iso3, 2024, key(old), key(new) if iso3 == "USA" else None, text, 3, 1)
    database.fact(WEO, "LP", "USA", 2024, key(old), None, "337.1", 1, 1)
    database.fact(WEO, "NGDPD", "USA", 2024, key(new), None, "29167.779", 3, 1)
    with closing(sqlite3.connect(database.path)) as connection:
        connection.execute("INSERT INTO dim_scope_key VALUES (?, 'NGDPD', 'USA', 2024, ?)", (WEO, key(new)))
        connection.commit()
    database.picture(new)
    says = "imf-weo October 2024 does not speak for all that is shown; of older vintages: GDP of 1 (UKR), population."
    notes = {name: json.loads(run("report.py", *arguments, "--format", "json", "--no-html", "--no-csv",
                                  workspace=tmp_path / "w").stdout)["notes"]
             for name, arguments in (("new", ["--as-of", "2024-10"]), ("old", ["--as-of", "2024-04"]),
                                     ("newest", ["--year", "2024"]),
                                     ("America", ["--as-of", "2024-10", "--region", "North America"]))}
    assert (says in notes["new"], says in notes["newest"]) == (True, True)
    assert not any("does not speak" in note for note in notes["old"])
    assert [note for note in notes["America"] if "speak" in note] == [
        "imf-weo October 2024 does not speak for all that is shown; of older vintages: population."]


def test_a_year_that_one_dataset_has_not_filled_is_said(tmp_path: Path) -> None:
    database = Database(tmp_path / "w")
    for dataset, filled, thin in (("imf-weo", 2022, 2021), ("worldbank-wdi", 2021, 2022)):
        vintage = (dataset, "2024-04", "2024-04-16", "")
        database.vintage(vintage)
        database.scope(dataset, "NGDPD", key(vintage), 2021, 2022)
        for iso3 in ("USA", "CHN", "TLS", "AGO"):
            database.fact(dataset, "NGDPD", iso3, filled, key(vintage), None, "2", 0, 0)
        database.fact(dataset, "NGDPD", "USA", thin, key(vintage), None, "1", 0, 0)
    shown = run("report.py", "--compare", "imf-weo,worldbank-wdi", workspace=tmp_path / "w").stdout
    assert ("No year is filled in every dataset: worldbank-wdi has 1 figure of 2022. --year chooses another."
            in " ".join(shown.split()))
    assert "\nworldbank-wdi        3  Angola (2021), China (2021), Timor-Leste (2021)\n" in shown  # by name
