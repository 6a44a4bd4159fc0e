"""The picture: the economies of a size and each region's five largest, of one vintage, in one year."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from history.asof import Edition
from pipeline import staging
from pipeline.errors import CheckpointError, UsageError
from questions import Asked, _held
from questions._held import EMPTY, SAFE, STATUS, edition_of
from reports.tables import Report, Row, Table
from rules.cleaning import half_up
from rules.indicators import MAIN

# What people read: shorter heads, and only what fits a screen; csv and json have every column under its own name.
ECONOMY_HEADS = {
    "Rank": "#", "Country": "country", "GDP_USD_billion": "GDP, bn US$", "Growth_percent": "growth %",
    "GDP_per_head_USD": "US$ a head", "Population_million": "people, m", "Inflation_percent": "inflation %",
    "Region": "region", "ISO3": "iso3", "Year": "year",
}
BESIDE = {"NGDP_RPCH": "growth", "NGDPDPC": "GDP per head", "LP": "population", "PCPIPCH": "inflation"}
REGION_HEADS = {
    "Region": "region", "Top5_mean_GDP_USD_billion": "mean GDP of top 5, bn US$", "Counted": "counted", "Top5": "top 5",
    "Economies": "economies", "Sum_GDP_USD_billion": "sum, bn US$",
}
# What a narrow terminal leaves out, the first to go first.
ECONOMY_GIVES_WAY = ("ISO3", "Inflation_percent", "Population_million", "GDP_per_head_USD", "Region", "Last_years",
                     "Growth_percent")
REGION_GIVES_WAY = ("Sum_GDP_USD_billion", "Economies", "Counted", "Top5")
LINE = 10  # years of the line on a terminal


def newest(asked: Asked) -> Report:
    """Return the newest picture. Raises CheckpointError without one, UsageError for an unknown region or year."""
    picture = asked.query("picture_vintage")
    if not picture:
        return without_picture(asked)
    shown = picture[0]
    edition = next(each for each in map(edition_of, asked.query("editions", {"dataset": shown["dataset"]}))
                   if (each.vintage.label, each.vintage.updated) == (shown["label"], shown["updated"]))
    year = asked_year(asked, edition, shown["year"])
    title = f"{staging.described(edition.vintage, shown['channel'])}, {year or shown['year']}"
    report = pictured(asked, edition, {"picture": year is None, "year": year}, title)
    return replace(report, notes=[*inherited(asked, edition, year or shown["year"]), *report.notes])


def without_picture(asked: Asked) -> Report:
    """Return the report of a database that holds figures but no GDP. Raises CheckpointError where it holds nothing."""
    held = asked.query("loaded")
    if not held or not held[0]["batches"]:
        raise CheckpointError("There is no picture in the database yet", where=asked.target.where,
                              safe=SAFE, next_command=EMPTY)
    note = f"The database holds {held[0]['figures']:,} figures but no GDP, so there is no picture to show."
    return tables("no GDP yet", [], [], [note])


def asked_year(asked: Asked, edition: Edition, shown: int) -> int | None:
    """Return the year to query, None for the picture's own. Raises UsageError for one the vintage has not."""
    year = asked.options.year
    if not year or year == shown:
        return None
    check_year(year, list(years_of(asked, edition)), "The newest vintage")
    return int(year)


def check_year(year: int, years: list[int], whose: str) -> None:
    """Refuse a year that is not among those of a vintage. Raises UsageError naming the first and the last."""
    if not years:
        raise UsageError(f"{whose} has no GDP for any year", safe=SAFE, next_command="python report.py")
    if year not in years:
        raise UsageError(f"{whose} has no GDP for {year}: it has {years[0]} to {years[-1]}", safe=SAFE,
                         next_command=f"python report.py --year {min(years, key=lambda each: abs(each - year))}")


def years_of(asked: Asked, edition: Edition) -> dict[int, int]:
    """Return year -> number of economies with GDP as a vintage has it, ascending."""
    rows = asked.query("years", {"dataset": edition.vintage.dataset, "vintage": edition.key, "own": edition.own_years})
    return {row["year"]: row["economies"] for row in rows}


def pictured(asked: Asked, edition: Edition, chosen: Mapping[str, Any], title: str) -> Report:
    """Query both tables of a vintage. chosen: `picture` and `year` as in economies.sql. Raises UsageError."""
    options = asked.options
    where = {"dataset": edition.vintage.dataset, "vintage": edition.key, "own": edition.own_years, **chosen}
    regions = asked.query("regions", {**where, "region": None})
    region = _held.region(options.region, [row["Region"] for row in regions])
    economies = asked.query("economies", {**where, "region": region, "min_gdp": options.min_gdp,
                                          "top": options.top or None})
    regions = [row | {name: rounded(row[name]) for name in ("Top5_mean_GDP_USD_billion", "Sum_GDP_USD_billion")}
               for row in regions if region in (None, row["Region"])]
    few = [f"{row['Region']} has {row['Counted']} economies only" for row in regions if row["Counted"] < 5]
    report = tables(title, [tidy(row) for row in economies], regions, few)
    return with_last_years(asked, report, where) if asked.terminal and economies else report


def with_last_years(asked: Asked, report: Report, where: Mapping[str, Any]) -> Report:
    """Return the report with the GDP of the ten years up to the newest shown, which a terminal draws as a line."""
    economies, *others = report.tables
    last = max(row["Year"] for row in economies.rows)
    held = asked.query("last_years", {name: where[name] for name in ("dataset", "vintage", "own")}
                       | {"first": last - LINE + 1, "last": last})
    values: dict[str, list[float | None]] = {}
    for row in held:
        values.setdefault(row["ISO3"], [None] * LINE)[row["Year"] - last - 1] = row["value"]
    drawn = replace(economies, rows=[row | {"Last_years": values.get(row["ISO3"], [])} for row in economies.rows],
                    sparklines={"Last_years": "Last ten years"},
                    lines=f"Last ten years: GDP of {last - LINE + 1} to {last}, each from its lowest to its highest.")
    return replace(report, tables=[drawn, *others])


def inherited(asked: Asked, edition: Edition, year: int | None) -> list[str]:
    """Return a sentence on the figures of a year that a vintage does not speak for, so that older ones are shown.

    year: None or 0 where cells carry their own years, and then only figures that the vintage speaks for are shown.
    """
    if not year or edition.own_years:
        return []
    region = _held.region(asked.options.region)
    rows = [row for row in asked.query("unspoken", {"dataset": edition.vintage.dataset, "vintage": edition.key,
                                                    "year": year}) if region in (None, row["region"])]
    gdp = [row["iso3"] for row in rows if row["indicator"] == MAIN]
    found = {row["indicator"] for row in rows}
    kinds = [title for name, title in BESIDE.items() if name in found]
    parts = [f"GDP of {len(gdp)} ({' '.join(gdp[:12])}{' …' if len(gdp) > 12 else ''})"] * bool(gdp) + kinds
    return [f"{staging.described(edition.vintage)} does not speak for all that is shown; of older vintages: "
            f"{', '.join(parts)}."] if parts else []


def tables(title: str, economies: list[Row], regions: list[Row], notes: list[str]) -> Report:
    """Return the two tables as a report."""
    return Report(title, [
        Table("economies", f"Economies: {title}", economies, ECONOMY_HEADS, gives_way=ECONOMY_GIVES_WAY),
        Table("regions", f"Regions, mean of the five largest: {title}", regions, REGION_HEADS,
              gives_way=REGION_GIVES_WAY)], notes)


def tidy(row: Row) -> Row:
    """Round once, on the decimal, and say forecast or actual in words."""
    return row | {"GDP_USD_billion": float(half_up(row["GDP_USD_billion"])), "Forecast": STATUS[row["Forecast"]]}


def rounded(value: float) -> float:
    """Return a sum or mean of published figures rounded half up; six decimals first, which takes away binary dust."""
    return float(half_up(f"{value:.6f}"))
