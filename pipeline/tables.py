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
    return "\n\n".join([*blocks, *report.notes])


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as CSV with a header, without the last newline."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=list(rows[0]) if rows else ["Rank"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().rstrip("\n")


def as_table(rows: Sequence[Mapping[str, Any]], form: str) -> str:
    """Return rows as a table for the screen or in Markdown; columns that are empty throughout are left out."""
    from tabulate import tabulate

    if not rows:
        return "(none)"
    columns = [name for name in rows[0] if any(row[name] not in (None, "") for row in rows)]
    cells = [[shown(name, row[name]) for name in columns] for row in rows]
    align = ["right" if isinstance(rows[0][name], (int, float)) else "left" for name in columns]
    return tabulate(cells, headers=[name.replace("_", " ") for name in columns], colalign=align, disable_numparse=True,
                    tablefmt="pipe" if form == "markdown" else "simple")


def shown(name: str, value: Any) -> str:
    """Return a cell for people: thousands marks, at most two decimals, years as they are."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) and name != "Year" else str(value)
