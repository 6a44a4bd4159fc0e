"""results/World_Economies.html: the report as one file that opens anywhere, with no script and no network."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from reports.tables import Report, Table, columns_of, is_number, shown
from utils import VERSION, Workspace, atomic_file

_STYLE = """
:root { color-scheme: light dark; --ink: #1b2430; --soft: #5d6b7a; --line: #dde3ea; --bar: #2f6fb2; --paper: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6ebf1; --soft: #9aa7b5; --line: #2c3642; --bar: #6aa7e6; --paper: #12181f; } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper);
       max-width: 76rem; margin: 2rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.5rem; margin: 0; } p { color: var(--soft); margin: .2rem 0 1.6rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--soft); }
th, td { padding: .28rem .7rem .28rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
.n { text-align: right; } .bar { width: 22%; min-width: 6rem; }
.bar i { display: block; height: .7rem; background: var(--bar); border-radius: 2px; min-width: 1px; }
"""


def write_page(workspace: Workspace, report: Report) -> None:
    """Write the page of a picture, atomically."""
    def drawn(table: Table, measure: str) -> str:
        rows = table.rows
        if not rows:
            return "<p>(none)</p>"
        columns = columns_of(table)
        right = {name for name in columns if is_number(table, name)}
        largest = max(float(row[measure]) for row in rows) or 1.0

        def cell(row: Mapping[str, Any], name: str) -> str:
            text = f'<td{" class=n" if name in right else ""}>{escape(shown(table, name, row))}</td>'
            if name == measure:
                text += f'<td class=bar><i style="width:{100 * float(row[name]) / largest:.1f}%"></i></td>'
            return text

        head = "".join(f'<th{" class=n" if name in right else ""}>{escape(columns[name])}</th>'
                       + ("<th></th>" if name == measure else "") for name in columns)
        lines = "\n".join(f"<tr>{''.join(cell(row, name) for name in columns)}</tr>" for row in rows)
        return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{lines}\n</tbody></table>"

    economies = drawn(report.table("economies"), "GDP_USD_billion")
    regions = drawn(report.table("regions"), "Top5_mean_GDP_USD_billion")
    notes = "".join(f"<p>{escape(note)}</p>" for note in report.notes)
    with atomic_file(workspace.page, "w") as stream:
        stream.write(
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>World Economies</title>\n'
            f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>\n'
            f"<h1>World Economies</h1>\n<p>{escape(report.title)}</p>\n"
            f"<h2>Regions, mean GDP of the five largest</h2>\n{regions}\n"
            f"{notes}<h2>Economies</h2>\n{economies}\n"
            f"<p>World Economies {VERSION}. Figures: their publisher's; see data/ATTRIBUTION.md.</p></body></html>\n")
