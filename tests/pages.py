"""Workspaces whose page is looked at: databases filled by hand, by sqlite3 and the migrations alone."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from history.calendar import WEO
from tests.history_db import Database, key
from tests.project import run

FORECASTS = 2024  # the first year that is one
REGIONS = ("Africa", "Asia", "Europe", "North America", "South America", "Oceania")
HOSTILE = """<script>window.ran = "script"</script > "A" & 'B' </script><img src=x onerror="window.ran = 'image'">"""
ENDING = """]]></title></style></svg><!--<script ><b>"""  # what would end each thing that a text may stand in


@dataclass(frozen=True)
class Economy:
    """A row of dim_country; size: its GDP in the first year, in billion US dollars."""

    iso3: str
    name: str
    region: str
    size: float
    subregion: str = "Somewhere"


def economies(count: int) -> list[Economy]:
    """Return so many, the largest first, of all regions in turn."""
    letters = [chr(65 + place) for place in range(26)]
    codes = (a + b + c for a in letters for b in letters for c in letters)
    return [Economy(code, f"Country {number:04}", REGIONS[number % 6], round(30000 / (number + 1), 3))
            for number, code in zip(range(count), codes, strict=False)]


def figure(economy: Economy, year: int, older: int) -> str:
    """Return GDP as an edition has it that so many others follow: 4 % more each year, 1 % less each edition back."""
    return f"{economy.size * (1 + 0.04 * (year - 2015)) * (1 - 0.01 * older):.3f}"


def filled(workspace: Path, found: Sequence[Economy], *, labels: Sequence[str] = ("2024-04", "2024-10"),
           years: Sequence[int] = range(2015, 2027), year: int = 2024) -> Path:
    """Make the database of these economies, editions and years; its picture is of `year`, of the newest edition."""
    database = Database(workspace, countries=[(each.iso3, each.iso3[:2], each.name, each.region, each.subregion, "1")
                                              for each in found])
    editions = [(WEO, label, f"{label}-15", "") for label in labels]
    for edition in editions:
        database.vintage(edition, picture_year=year)
        for indicator in ("NGDPD", "NGDP_RPCH"):
            database.scope(WEO, indicator, key(edition), min(years), max(years))
    keys = [key(each) for each in editions]
    rows = [(WEO, "NGDPD", each.iso3, at, begin, end, figure(each, at, older), 3, int(at >= FORECASTS))
            for each in found for at in years
            for begin, end, older in zip(keys, [*keys[1:], None], range(len(keys) - 1, -1, -1), strict=True)]
    rows += [(WEO, "NGDP_RPCH", each.iso3, at, keys[0], None, f"{2 + place % 7 + at % 3}.5", 1, int(at >= FORECASTS))
             for place, each in enumerate(found) for at in years]
    database.run("INSERT INTO fact_gdp (dataset, indicator, iso3, year, from_vintage, to_vintage, value, value_text, "
                 "decimals, forecast) VALUES (?1, ?2, ?3, ?4, ?5, ?6, CAST(?7 AS REAL), ?7, ?8, ?9)", *rows)
    database.run("INSERT INTO Countries_by_GDP VALUES (?1, round(?2, 2), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, "
                 "'2026-11-20T10:00:00Z')",
                 *((each.name, figure(each, year, 0), each.region, each.subregion, each.iso3, year,
                    int(year >= FORECASTS), WEO, labels[-1]) for each in found if year in years))
    database.picture(editions[-1])
    return workspace


def empty(workspace: Path) -> Path:
    """Make a database of the newest schema, with countries and no figure."""
    Database(workspace)
    return workspace


def hostile(workspace: Path) -> Path:
    """Make a database whose publisher writes markup into every name."""
    found = [Economy("USA", HOSTILE, "North America", 27000.0, HOSTILE),
             Economy("NGA", ENDING, "Africa", 400.0, ENDING),
             Economy("DEU", "Ger & \"many\" <b>", HOSTILE, 4000.0), Economy("IND", "A" * 300, "Asia", 3000.0)]
    return filled(workspace, found)


def copied(workspace: Path, held: Path) -> Path:
    """Make a workspace of its own with the database of another."""
    shutil.copytree(held / "sqliteDB", workspace / "sqliteDB")
    return workspace


def page_of(workspace: Path) -> Path:
    """Return the workspace's page, made by report.py as a person makes it."""
    done = run("report.py", "--html", "--no-csv", workspace=workspace)
    assert done.returncode == 0, done.stderr
    return workspace / "results" / "report.html"
