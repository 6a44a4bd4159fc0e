"""report.py: one rounding everywhere, computed again here by other means; formats, filters, refusals."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest

from tests.project import run, sql

# Chosen so that binary rounding goes wrong: 1320.635 and 2.675 lie below their decimals as doubles.
GDP = {"NLD": "1320.635", "SGP": "574.185", "DEU": "5000.125", "FRA": "3000.005", "ITA": "2500.015", "ESP": "1800.025",
       "POL": "1000.035", "FSM": "0.485", "USA": "30000.675", "JPN": "4000.285"}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    lines = [f"{code},{year},{value}" for code, value in GDP.items() for year in (2024, 2025)]
    (folder / "own.csv").write_text("code,year,gdp_usd_billion\n" + "\n".join(lines) + "\n", encoding="utf-8")
    done = run("etl_process.py", "--source", "table", "--input", folder / "own.csv", "--vintage", "2025-10", "--year",
               "2025", workspace=folder / "w")
    assert done.returncode == 0, done.stderr
    return folder / "w"


def cents(value: Decimal) -> float:
    return float(value.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP))


@pytest.mark.parametrize("year", ["2024", "2025"], ids=["another year", "the picture's year"])
def test_every_figure_is_rounded_half_up_on_the_decimal(workspace: Path, year: str) -> None:
    done = run("report.py", "--year", year, "--min-gdp", "0", "--format", "csv", workspace=workspace)
    rows = {row["ISO3"]: row for row in csv.DictReader(io.StringIO(done.stdout))}
    assert {code: float(row["GDP_USD_billion"]) for code, row in rows.items()} == {
        code: cents(Decimal(value)) for code, value in GDP.items()}
    assert [row["Rank"] for row in rows.values()] == [str(place) for place in range(1, 11)]
    assert list(rows)[:3] == ["USA", "DEU", "JPN"]


@pytest.mark.parametrize("year", ["2024", "2025"], ids=["another year", "the picture's year"])
def test_sums_and_means_are_of_the_figures_as_published(workspace: Path, year: str) -> None:
    done = run("report.py", "--year", year, "--format", "json", workspace=workspace)
    regions = {row["Region"]: row for row in json.loads(done.stdout)["regions"]}
    of = dict(sql(workspace, "SELECT iso3, region FROM dim_country"))
    values = defaultdict(list)
    for code, value in GDP.items():
        values[of[code]].append(Decimal(value))
    for region, members in values.items():
        top = sorted(members, reverse=True)[:5]
        assert regions[region]["Sum_GDP_USD_billion"] == cents(sum(members, Decimal(0)))
        assert regions[region]["Top5_mean_GDP_USD_billion"] == cents(sum(top, Decimal(0)) / len(top))
        assert (regions[region]["Counted"], regions[region]["Economies"]) == (min(len(members), 5), len(members))


def test_a_region_with_fewer_than_five_says_so(workspace: Path) -> None:
    assert "North America has 1 economies only" in run("report.py", workspace=workspace).stdout


@pytest.mark.parametrize(("arguments", "codes"), [
    (["--min-gdp", "2500.015"], ["USA", "DEU", "JPN", "FRA", "ITA"]),
    (["--top", "2"], ["USA", "DEU"]),
    (["--region", "asia", "--min-gdp", "1"], ["JPN", "SGP"]),
], ids=["the smallest is included", "top", "region in any case"])
def test_filters(workspace: Path, arguments: list[str], codes: list[str]) -> None:
    done = run("report.py", "--format", "json", *arguments, workspace=workspace)
    assert [row["ISO3"] for row in json.loads(done.stdout)["economies"]] == codes


@pytest.mark.parametrize(("arguments", "says"), [
    (["--region", "Asai"], "There is no region named 'Asai'; there are"),
    (["--year", "1999"], "has no GDP for 1999: it has 2024 to 2025"),
], ids=["region", "year"])
def test_what_is_not_there_is_refused(workspace: Path, arguments: list[str], says: str) -> None:
    done = run("report.py", *arguments, workspace=workspace)
    assert (done.returncode, says in done.stderr) == (2, True), done.stderr


def test_markdown_and_the_page(workspace: Path) -> None:
    done = run("report.py", "--format", "markdown", "--min-gdp", "0", workspace=workspace)
    assert "|  10 | Micronesia" in done.stdout
    page = (workspace / "results" / "report.html").read_text(encoding="utf-8")
    assert '<th scope="row">Micronesia</th><td class="n">0.49</td>' in page
    assert "30,000.68" in page


def test_a_run_leaves_csv_files_with_their_package_and_makes_a_lost_one_again(tmp_path: Path) -> None:
    table = tmp_path / "own.csv"
    table.write_text("country,year,value\nGermany,2025,100\nFrance,2025,90\n", encoding="utf-8")
    arguments = ("--source", "table", "--input", table, "--unit", "billion", "--vintage", "2026-01", "--no-html")
    assert run("etl_process.py", *arguments, "--no-csv", workspace=tmp_path / "w").returncode == 0
    names = ("Countries_by_GDP.csv", "GDP_history.csv", "datapackage.json")
    files = [tmp_path / "w" / "results" / name for name in names]
    assert not any(path.exists() for path in files)
    assert run("etl_process.py", *arguments, workspace=tmp_path / "w").returncode == 0
    assert files[1].read_text(encoding="utf-8").splitlines()[1].startswith("table:own,NGDPD,DEU,Germany,2025,100,")
    files[1].unlink()
    assert run("etl_process.py", *arguments, workspace=tmp_path / "w").returncode == 0
    assert all(path.exists() for path in files)
