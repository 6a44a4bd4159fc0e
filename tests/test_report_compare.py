"""report.py --compare: where datasets disagree, within which tolerance, and who lacks whom."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from questions.compare import Figure, verdict
from tests.history_db import WEO, Database, key
from tests.project import run

WIKI = ("wikipedia-nominal", "222", "2025-01-07", "2025-01-07T10:00:00Z")
BOTH = "imf-weo,worldbank-wdi"


def compare(workspace: Path, names: str, *more: str) -> dict[str, Any]:
    done = run("report.py", "--compare", names, "--format", "json", *more, workspace=workspace)
    assert done.returncode == 0, done.stderr
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def test_the_newest_common_year(held: Path) -> None:
    report = compare(held, BOTH)
    # Nigeria's 2023 was withdrawn by the newest vintage of imf-weo.
    assert report["comparison"] == [
        {"Rank": 1, "Country": "United States", "ISO3": "USA", "Year": 2023, "imf-weo": 27720.725,
         "worldbank-wdi": 27720.7249, "worldbank-wdi_difference": -0.0001, "worldbank-wdi_percent": 0.0,
         "Verdict": "equal", "Status": "actual"}]
    assert [(row["Dataset"], row["ISO3"], row["Years"], row["Has"]) for row in report["lacking"]] == [
        ("imf-weo", "NGA", "2023", "2024-2025"), ("worldbank-wdi", "LIE", "2023", ""),
        ("worldbank-wdi", "TWN", "2023", "")]
    assert report["counts"] == {"equal": 1, "agree": 0, "differ": 0}


def test_people_read_who_lacks_whom(held: Path) -> None:
    done = run("report.py", "--compare", BOTH, workspace=held)
    assert "\nimf-weo              1  Nigeria (2024-2025)\n" in done.stdout
    assert "\nworldbank-wdi        2  Liechtenstein, Taiwan\n" in done.stdout


def test_taiwan_at_the_world_bank(held: Path) -> None:
    report = compare(held, BOTH, "--country", "Taiwan")
    assert (report["comparison"], report["lacking"]) == ([], [
        {"Dataset": "worldbank-wdi", "Country": "Taiwan", "ISO3": "TWN", "Years": "2023-2024", "Has": ""}])


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One vintage each of three datasets; 2022 is the newest year that all of them have."""
    workspace = tmp_path_factory.mktemp("three") / "w"
    database = Database(workspace)
    weo, bank = ("imf-weo", "2024-04", "2024-04-16", ""), ("worldbank-wdi", "2024-03-28", "2024-03-28", "")
    for vintage in (weo, bank, WIKI):
        database.vintage(vintage)
        for indicator in ("NGDPD", "NGDP_RPCH"):
            database.scope(vintage[0], indicator, key(vintage), 2020, 2024)
    for vintage, iso3, year, text, decimals in (
            (weo, "DEU", 2022, "4085.681", 3), (bank, "DEU", 2022, "4082.469", 3), (WIKI, "DEU", 2022, "4085.7", 1),
            (weo, "AGO", 2022, "142.442", 3), (bank, "AGO", 2022, "106.783", 3), (WIKI, "AGO", 2022, "142", 0),
            (weo, "TWN", 2022, "761.639", 3), (WIKI, "TWN", 2022, "761.6", 1), (bank, "CUB", 2022, "100", 3),
            (weo, "DEU", 2023, "4457.366", 3), (bank, "DEU", 2023, "4456.081", 3), (weo, "DEU", 2024, "4591.1", 3),
            (weo, "AGO", 2023, "93.796", 3), (weo, "TWN", 2023, "756.588", 3)):
        database.fact(vintage[0], "NGDPD", iso3, year, key(vintage), None, text, decimals, 0)
    for vintage, text in ((weo, "1.8"), (bank, "1.4"), (WIKI, "1.8")):
        database.fact(vintage[0], "NGDP_RPCH", "DEU", 2022, key(vintage), None, text, 1, 0)
    database.picture(weo)
    return workspace


@pytest.mark.parametrize(("more", "verdicts"), [
    ([], {"AGO": "differ", "DEU": "agree", "TWN": "equal"}),
    (["--tolerance", "0.05"], {"AGO": "differ", "DEU": "differ", "TWN": "equal"}),
    (["--tolerance", "30"], {"AGO": "agree", "DEU": "agree", "TWN": "equal"}),
    (["--region", "Europe"], {"DEU": "agree"}),
    (["--top", "1"], {"AGO": "differ"}),
], ids=["2 percent", "0.05 percent", "30 percent", "region", "top"])
def test_three_datasets_and_their_verdicts(three: Path, more: list[str], verdicts: dict[str, str]) -> None:
    report = compare(three, f"{BOTH},wikipedia-nominal", *more)
    assert {row["ISO3"]: row["Verdict"] for row in report["comparison"]} == verdicts
    assert {row["Year"] for row in report["comparison"]} == {2022}


def test_differences_are_from_the_first(three: Path) -> None:
    row = next(row for row in compare(three, "worldbank-wdi,imf-weo,wikipedia-nominal")["comparison"]
               if row["ISO3"] == "AGO")
    assert (row["imf-weo_difference"], row["imf-weo_percent"], row["wikipedia-nominal_difference"]) == (
        35.659, 33.3939, 35.217)


def test_three_fit_a_screen(three: Path) -> None:
    done = run("report.py", "--compare", f"{BOTH},wikipedia-nominal", workspace=three)
    assert "(A imf-weo, B worldbank-wdi, C wikipedia-nominal)" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines() if "differ" in line and "of " not in line) <= 120


def test_a_year_and_every_year(three: Path) -> None:
    assert {row["Year"] for row in compare(three, BOTH)["comparison"]} == {2022}  # the bank has one of three for 2023
    assert [row["imf-weo"] for row in compare(three, BOTH, "--year", "2023")["comparison"]] == [4457.366]
    assert [(row["Year"], row["imf-weo"]) for row in compare(three, BOTH, "--country", "DEU")["comparison"]] == [
        (2022, 4085.681), (2023, 4457.366)]


def test_rates_are_compared_in_points(three: Path) -> None:
    report = compare(three, BOTH, "--indicator", "NGDP_RPCH")
    assert [(row["worldbank-wdi_difference"], row["Verdict"]) for row in report["comparison"]] == [(-0.4, "agree")]
    assert "within 0.5 points" in report["notes"][-1]
    assert compare(three, BOTH, "--indicator", "NGDP_RPCH", "--tolerance", "0.3")["counts"]["differ"] == 1


@pytest.mark.parametrize(("arguments", "says"), [
    (["imf-weo,worldbank"], "no dataset 'worldbank'; did you mean worldbank-wdi? It has imf-weo, worldbank-wdi"),
    (["imf-weo"], "--compare takes two datasets or more; the database has imf-weo, worldbank-wdi"),
    (["imf-weo,IMF-WEO"], "--compare takes two datasets or more"),
    ([BOTH, "--year", "2030"], "imf-weo has no NGDPD for 2030; it has 2023-2025"),
    ([BOTH, "--indicator", "NGDP_RPCH"], "worldbank-wdi has no indicator 'NGDP_RPCH' here; it has NGDPD"),
    ([BOTH, "--tolerance", "-1"], "is no number from 0 on"),
], ids=["unknown", "one", "itself", "year", "indicator", "tolerance"])
def test_what_is_not_there_is_refused(held: Path, arguments: list[str], says: str) -> None:
    done = run("report.py", "--compare", *arguments, workspace=held)
    assert (done.returncode, says in done.stderr, done.stdout) == (2, True, ""), done.stderr


def test_no_year_in_common(tmp_path: Path) -> None:
    database = Database(tmp_path / "w")
    for dataset, year in ((WEO, 2024), ("worldbank-wdi", 2023)):
        vintage = (dataset, "2024-04", "2024-04-16", "")
        database.vintage(vintage)
        database.scope(dataset, "NGDPD", key(vintage), year, year)
        database.fact(dataset, "NGDPD", "USA", year, key(vintage), None, "1", 0, 0)
    done = run("report.py", "--compare", BOTH, workspace=tmp_path / "w")
    assert "no year in common: imf-weo has 2024, worldbank-wdi has 2023" in done.stderr


def test_equal_figures_of_which_one_is_no_forecast_for_sure() -> None:
    figures = {"a": Figure(Decimal("1.5"), 1, None), "b": Figure(Decimal("1.5"), 1, 0)}
    assert verdict(figures, 1.0, rate=False) == "equal"
