"""Answers as text: tables for pipes, files and Markdown; CSV; JSON. terminal.py draws them for a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.console import UNSEEN, visible

Row = dict[str, Any]
_ESCAPED = {code: f"\\u{code:04x}" for code in UNSEEN if code > 0x7e}  # json.dumps escapes the others itself
WIDTH = 118  # columns of a screen that a table is made to fit


@dataclass(frozen=True)
class Table:
    """Rows under a name.

    name:   the key in JSON.
    title:  what stands above it for people.
    rows:   column -> value, the same columns in each; csv and json show every one under its own name.
    heads:  column -> head of those that people are shown; one that is empty throughout is left out.
    places: column -> decimals that people are shown of its numbers; 2 for others.
    wrap:   column -> width at which its text goes on in the next line.
    listed: True where people read a row as a list of lines; for rows with long texts.
    gives_way: columns that a narrow terminal leaves out, the first to go first.
    sparklines: column -> head of those that only a terminal shows; a cell is a list of numbers or None.
    lines: what is said of them below the table.
    """

    name: str
    title: str
    rows: Sequence[Row]
    heads: Mapping[str, str]
    places: Mapping[str, int] = field(default_factory=dict)
    wrap: Mapping[str, int] = field(default_factory=dict)
    listed: bool = False
    gives_way: Sequence[str] = ()
    sparklines: Mapping[str, str] = field(default_factory=dict)
    lines: str = ""


@dataclass(frozen=True)
class Report:
    """An answer: tables, the main one first, and sentences. facts: what JSON says beside them."""

    title: str
    tables: Sequence[Table]
    notes: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def table(self, name: str) -> Table:
        """Return the table of this name. Raises KeyError."""
        return {each.name: each for each in self.tables}[name]


def rendered(report: Report, form: str) -> str:
    """Return the report as text in one of options.FORMATS; CSV holds the main table only."""
    if form == "json":
        content = {"title": report.title, **report.facts, **{each.name: each.rows for each in report.tables},
                   "notes": list(report.notes)}
        return json.dumps(content, ensure_ascii=False, indent=2).translate(_ESCAPED)
    if form == "csv":
        return as_csv(report.tables[0])
    head = "## " if form == "markdown" else ""
    blocks = [f"{head}{visible(each.title)}\n\n{as_list(each, form) if each.listed else as_table(each, form)}"
              for each in report.tables]
    notes = [note if form == "markdown" else _folded(note) for note in map(visible, report.notes)]
    return "\n\n".join([*blocks, *notes, *legend(report)])


def legend(report: Report) -> list[str]:
    """Return what the f behind a year means, where there is one."""
    forecast = any(row.get("Forecast") == "forecast" and "Year" in table.heads
                   for table in report.tables for row in table.rows)
    return ["f: the publisher's forecast"] if forecast else []


def _folded(note: str) -> str:
    """Return a sentence in lines that fit a screen."""
    if len(note) <= WIDTH:
        return note
    from textwrap import fill

    return fill(note, WIDTH, break_on_hyphens=False)


def as_csv(table: Table) -> str:
    """Return a table as CSV with a header, without the last newline; no cell of it is a formula to a spreadsheet."""
    from reports.published import line

    return "\n".join([line(table.rows[0] if table.rows else table.heads), *(line(row.values()) for row in table.rows)])


def columns_of(table: Table) -> dict[str, str]:
    """Return column -> head of what people are shown; columns that are empty throughout are left out."""
    return {name: table.heads[name] for name in (table.rows[0] if table.rows else ())
            if name in table.heads and any(row[name] not in (None, "") for row in table.rows)}


def is_number(table: Table, name: str) -> bool:
    """Tell whether a column holds numbers."""
    return any(isinstance(row[name], (int, float)) for row in table.rows)


def as_table(table: Table, form: str) -> str:
    """Return a table for the screen or in Markdown."""
    from tabulate import tabulate

    if not table.rows:
        return "(none)"
    columns = columns_of(table)
    cells = [[_wrapped(table, name, shown(table, name, row), form) for name in columns] for row in table.rows]
    align = ["right" if is_number(table, name) else "left" for name in columns]
    return tabulate(cells, headers=list(columns.values()), colalign=align, disable_numparse=True,
                    tablefmt="pipe" if form == "markdown" else "simple")


def shown(table: Table, name: str, row: Mapping[str, Any]) -> str:
    """Return a cell for people: thousands marks, two decimals, and an f behind the year of a forecast."""
    value = row[name]
    if value is None:
        return ""
    if name == "Year":
        return f"{value}f" if row.get("Forecast") == "forecast" else str(value)
    if isinstance(value, float):
        return f"{value:,.{table.places.get(name, 2)}f}"
    return f"{value:,}" if isinstance(value, int) else visible(str(value))


def _wrapped(table: Table, name: str, text: str, form: str) -> str:
    if form == "markdown":
        return text.replace("|", "\\|")
    if name not in table.wrap or len(text) <= table.wrap[name]:
        return text
    from textwrap import wrap

    return "\n".join(wrap(text, table.wrap[name], break_on_hyphens=False))


def as_list(table: Table, form: str) -> str:
    """Return the rows one after another, each as lines of head and text; a list of texts takes a line each."""
    if not table.rows:
        return "(none)"
    columns = columns_of(table)
    width = max(map(len, columns.values()))
    blocks = []
    for row in table.rows:
        lines = []
        for name, head in columns.items():
            texts = list(map(visible, row[name])) if isinstance(row[name], list) else [shown(table, name, row)]
            if form == "markdown":
                lines += [f"- {head}: {text}" for text in texts if text]
            else:
                lines += [line for at, text in enumerate(texts) if text
                          for line in _indented("" if at else head, text, width)]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _indented(head: str, text: str, width: int) -> list[str]:
    """Return a text in lines, its head before the first of them and blanks before the others."""
    from textwrap import wrap

    lines = wrap(text, WIDTH - width - 2, break_on_hyphens=False)
    return [f"{head if at == 0 else '':<{width}}  {line}" for at, line in enumerate(lines)]
