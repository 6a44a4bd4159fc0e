"""A report as text: table, CSV, JSON, Markdown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Report:
    """What is shown: the picture's description, the economies and the regions."""

    title: str
    economies: list[Row]
    regions: list[Row]
    notes: list[str]


def rendered(report: Report, form: str) -> str:
    """Return the report as text in one of options.FORMATS."""
    if form == "json":
        content = {"title": report.title, "economies": report.economies, "regions": report.regions}
        return json.dumps(content, ensure_ascii=False, indent=2)
    if form == "csv":
        return as_csv(report.economies)
    tables = (("Economies", report.economies), ("Regions, mean of the five largest", report.regions))
    head = "## " if form == "markdown" else ""
    blocks = [f"{head}{name}: {report.title}\n\n{as_table(rows, form)}" for name, rows in tables]
    forecast = any(row["Forecast"] == "forecast" for row in report.economies)
    return "\n\n".join([*blocks, *report.notes, *(["f: the publisher's forecast"] if forecast else [])])


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as CSV with a header, without the last newline."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=list(rows[0]) if rows else ["Rank"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().rstrip("\n")


# What people read: shorter heads, and only what fits a screen; csv and json have every column under its own name.
_HEADS = {
    "Rank": "#", "Country": "country", "GDP_USD_billion": "GDP, bn US$", "Growth_percent": "growth %",
    "GDP_per_head_USD": "US$ a head", "Population_million": "people, m", "Inflation_percent": "inflation %",
    "Region": "region", "ISO3": "iso3", "Year": "year", "Top5_mean_GDP_USD_billion": "mean GDP of top 5, bn US$",
    "Top5": "top 5", "Counted": "counted", "Economies": "economies", "Sum_GDP_USD_billion": "sum, bn US$",
}


def columns_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return column -> head of what people are shown; columns that are empty throughout are left out."""
    return {name: _HEADS[name] for name in rows[0]
            if name in _HEADS and any(row[name] not in (None, "") for row in rows)} if rows else {}


def as_table(rows: Sequence[Mapping[str, Any]], form: str) -> str:
    """Return rows as a table for the screen or in Markdown."""
    from tabulate import tabulate

    if not rows:
        return "(none)"
    columns = columns_of(rows)
    cells = [[shown(name, row) for name in columns] for row in rows]
    align = ["right" if isinstance(rows[0][name], (int, float)) else "left" for name in columns]
    return tabulate(cells, headers=list(columns.values()), colalign=align, disable_numparse=True,
                    tablefmt="pipe" if form == "markdown" else "simple")


def shown(name: str, row: Mapping[str, Any]) -> str:
    """Return a cell for people: thousands marks, two decimals, and an f behind the year of a forecast."""
    value = row[name]
    if value is None:
        return ""
    if name == "Year":
        return f"{value}f" if row.get("Forecast") == "forecast" else str(value)
    if isinstance(value, float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
