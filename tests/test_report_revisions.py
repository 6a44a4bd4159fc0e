"""report.py --revisions: what changed, largest first; steps of a country; what appeared, was withdrawn, came true."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.history_db import VINTAGES, WEO, Database, key, of
from tests.project import run, sql


def revisions(workspace: Path, *more: str) -> dict[str, Any]:
    done = run("report.py", "--revisions", "--format", "json", *more, workspace=workspace)
    assert done.returncode == 0, done.stderr
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def told(report: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [(row["ISO3"], row["Year"], row["Kind"], row["Old"], row["New"], row["Change"], row["Percent"])
            for row in report["revisions"]]


def test_what_the_newest_vintage_changed(held: Path) -> None:
    report = revisions(held)
    assert told(report) == [
        ("USA", 2024, "revised", 29184.89, 29185.005, 0.115, 0.0004),
        ("NGA", 2023, "withdrawn", 363.846, None, None, None)]
    assert (report["then"], report["now"]) == ("2025-04+2025-04-22", "2025-04+2025-05-02")
    assert report["counts"] == {"revised": 1, "confirmed": 0, "reopened": 0, "appeared": 0, "withdrawn": 1}
    assert report["economies"] == [
        {"Kind": "withdrawn", "Country": "Nigeria", "ISO3": "NGA", "Figures": 1, "Years": "2023"}]


SINCE_APRIL = [
    ("USA", 2024, "revised", 28781.083, 29185.005, 403.922, 1.4034),
    ("USA", 2023, "revised", 27360.935, 27720.725, 359.79, 1.315),
    ("NGA", 2024, "revised", 252.738, 187.637, -65.101, -25.7583),
    ("TWN", 2024, "confirmed", 802.958, 802.958, 0.0, 0.0),
    ("LIE", 2023, "appeared", None, 8.3, None, None),
    ("LIE", 2024, "appeared", None, 8.508, None, None),
    ("NGA", 2023, "withdrawn", 363.846, None, None, None),
]


@pytest.mark.parametrize("since", ["2024-04", "2024-05-31"], ids=["a label", "a day"])
def test_then_against_now_is_one_row_a_figure(held: Path, since: str) -> None:
    report = revisions(held, "--since", since)
    assert told(report) == SINCE_APRIL
    assert report["counts"] == {"revised": 3, "confirmed": 1, "reopened": 0, "appeared": 2, "withdrawn": 1}
    assert [(row["Kind"], row["ISO3"], row["Years"]) for row in report["economies"]] == [
        ("appeared", "LIE", "2023-2024"), ("withdrawn", "NGA", "2023")]


@pytest.mark.parametrize(("more", "expected"), [
    (["--by", "percent", "--top", "1"], [("NGA", 2024)]),
    (["--top", "2"], [("USA", 2024), ("USA", 2023)]),
    (["--region", "africa"], [("NGA", 2024), ("NGA", 2023)]),
    (["--country", "Chinese Taipei"], [("TWN", 2024)]),
    (["--year", "2023"], [("USA", 2023), ("LIE", 2023), ("NGA", 2023)]),
], ids=["by percent", "top", "region", "country", "year"])
def test_which_rows(held: Path, more: list[str], expected: object) -> None:
    assert [(row["ISO3"], row["Year"]) for row in revisions(held, "--since", "2024-04", *more)["revisions"]] == expected


@pytest.mark.parametrize("country", ["USA", "us", "United States of America"])
def test_every_step_of_a_country(held: Path, country: str) -> None:
    report = revisions(held, "--country", country)
    assert [(row["Year"], row["Vintage"], row["Before"], row["Old"], row["New"], row["Status"])
            for row in report["revisions"]] == [
        (2023, "2025-04+2025-04-22", "2024-04", 27360.935, 27720.725, "actual"),
        (2024, "2024-10", "2024-04", 28781.083, 29167.779, "forecast"),
        (2024, "2025-04+2025-04-22", "2024-10", 29167.779, 29184.89, "forecast → actual"),
        (2024, "2025-04+2025-05-02", "2025-04+2025-04-22", 29184.89, 29185.005, "actual")]
    largest = revisions(held, "--country", country, "--top", "1")["revisions"]
    assert [(row["Year"], row["Vintage"]) for row in largest] == [(2024, "2024-10")]


def test_a_rate_changes_by_points_and_coarser_writing_is_no_revision(held: Path) -> None:
    report = revisions(held, "--indicator", "NGDP_RPCH", "--country", "USA")
    assert [(row["Kind"], row["Old"], row["New"], row["Change"]) for row in report["revisions"]] == [
        ("revised", 2.7, 2.8, 0.1), ("confirmed", 2.8, 2.796, -0.004)]
    since = revisions(held, "--indicator", "NGDP_RPCH", "--since", "2024-10")
    assert [(row["Kind"], row["Old"], row["New"]) for row in since["revisions"]] == [("confirmed", 2.8, 2.796)]
    screen = run("report.py", "--revisions", "--indicator", "NGDP_RPCH", "--since", "2024-04", workspace=held).stdout
    assert ("  points" in screen, "%" in screen) == (True, False)


def test_what_changed_agrees_with_the_view(held: Path) -> None:
    view = sql(held, "SELECT iso3, year, kind FROM fact_revision WHERE dataset = 'imf-weo' AND indicator = 'NGDPD' "
               "AND vintage = ? ORDER BY 1, 2", key(of(WEO)[-1]))
    assert view == sorted(row[:3] for row in told(revisions(held)))


def test_people_see_the_largest_and_how_to_see_the_others(tmp_path: Path) -> None:
    database, weo = Database(tmp_path / "w"), of(WEO)
    for vintage in weo[:2]:
        database.vintage(vintage)
        database.scope(WEO, "NGDPD", key(vintage), 1990, 2025 if vintage is weo[0] else 2026)
    database.fact(WEO, "NGDPD", "NGA", 2026, key(weo[1]), None, "1", 3, 1)  # nobody spoke of that year: none appeared
    for year in range(1990, 2020):
        database.fact(WEO, "NGDPD", "NGA", year, key(weo[0]), key(weo[1]), "100", 3, 0)
        database.fact(WEO, "NGDPD", "NGA", year, key(weo[1]), None, str(year), 3, 0)
    database.picture(weo[1])
    done = run("report.py", "--revisions", workspace=tmp_path / "w")
    lines = [line.split() for line in done.stdout.splitlines() if " NGA " in line]
    assert lines[0] == ["1", "Nigeria", "NGA", "2019", "100", "2,019", "1,919", "1,919.00", "actual"]
    assert (len(lines), lines[-1][3]) == (25, "1995")
    assert "5 smaller revisions are not shown; --top 30 or --format csv shows all." in done.stdout
    assert "\n 30  Nigeria" in run("report.py", "--revisions", "--top", "30", workspace=tmp_path / "w").stdout
    rows = list(csv.DictReader(io.StringIO(run("report.py", "--revisions", "--format", "csv",
                                               workspace=tmp_path / "w").stdout)))
    assert (len(rows), rows[-1]["Old"], rows[-1]["New"]) == (30, "100.0", "1990.0")


def test_one_vintage_has_nothing_to_compare_with(tmp_path: Path) -> None:
    database, first = Database(tmp_path / "w"), VINTAGES[0]
    database.vintage(first)
    database.scope(WEO, "NGDPD", key(first), 2023, 2025)
    database.fact(WEO, "NGDPD", "NGA", 2023, key(first), None, "363.846", 3, 0)
    database.picture(first)
    for more in ([], ["--country", "NGA"]):
        done = run("report.py", "--revisions", *more, workspace=tmp_path / "w")
        assert (done.returncode, "April 2024 is the only vintage of imf-weo that has it" in done.stdout) == (0, True)
    done = run("report.py", "--revisions", "--since", "2024-04", workspace=tmp_path / "w")
    assert "April 2024 is the newest vintage of it: nothing has changed since." in done.stdout


@pytest.mark.parametrize(("more", "says"), [
    (["--country", "africa"], "Africa is a region, not a country"),
    (["--country", "Nigera"], "There is no country 'Nigera'; close to it: Nigeria"),
    (["--since", "2023-10"], "imf-weo has no vintage '2023-10'; the nearest is 2024-04"),
    (["--indicator", "LP"], "imf-weo has no indicator 'LP' here; it has NGDPD, NGDP_RPCH"),
    (["--region", "Asai"], "There is no region named 'Asai'"),
], ids=["region for a country", "country", "since", "indicator", "region"])
def test_what_is_not_there_is_refused(held: Path, more: list[str], says: str) -> None:
    done = run("report.py", "--revisions", *more, workspace=held)
    assert (done.returncode, says in done.stderr, done.stdout) == (2, True, ""), done.stderr


# --- the real vintages ----------------------------------------------------------------------------------------------


def test_nigeria_2022_in_the_bundle(bundle: Path) -> None:
    steps = revisions(bundle, "--country", "Nigeria", "--year", "2022")["revisions"]
    assert [(row["Vintage"], row["Old"], row["New"]) for row in steps] == [
        ("2021-10", 588.419, 555.346), ("2022-04", 555.346, 510.588), ("2022-10", 510.588, 504.203),
        ("2023-04", 504.203, 477.376), ("2024-10", 477.376, 476.468), ("2025-10", 476.468, 645.682)]


def test_what_october_2025_changed(bundle: Path) -> None:
    report = revisions(bundle)
    assert report["counts"] == {"revised": 2244, "confirmed": 14, "reopened": 5, "appeared": 39, "withdrawn": 1}
    assert told(report)[0] == ("CHN", 2030, "revised", 25827.523, 26336.991, 509.468, 1.9726)
    assert [(row["Kind"], row["ISO3"], row["Figures"], row["Years"]) for row in report["economies"]] == [
        ("appeared", "AFG", 1, "2024"), ("appeared", "DJI", 1, "1990"), ("appeared", "LIE", 31, "2000-2030"),
        ("appeared", "NAM", 1, "1989"), ("appeared", "PAK", 1, "2025"), ("appeared", "PSE", 1, "2024"),
        ("appeared", "SRB", 3, "1997-1999"), ("withdrawn", "BOL", 1, "2026")]
