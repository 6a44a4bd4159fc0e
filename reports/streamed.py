"""Answers of any length as CSV and JSON: the main table's rows are written as they come, none is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TextIO

from reports.published import line
from reports.tables import Report, Row

_ROWS_A_WRITE = 1_000


def write_csv(stream: TextIO, names: Sequence[str], rows: Iterator[Row]) -> int:
    """Write a header and rows; returns how many rows."""
    stream.write(line(names) + "\n")
    count = 0
    while block := list(islice(rows, _ROWS_A_WRITE)):
        stream.write("".join([line(row.values()) + "\n" for row in block]))
        count += len(block)
    return count


def write_json(stream: TextIO, report: Report, rows: Iterator[Row]) -> int:
    """Write the report as reports.tables.rendered() does, a line a row; `rows` are those of its first table."""
    def pair(name: str, value: object) -> str:
        return f"  {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}"

    head = [pair(name, value) for name, value in {"title": report.title, **report.facts}.items()]
    stream.write("{\n" + ",\n".join(head) + f",\n  {json.dumps(report.tables[0].name)}: [")
    count = _write_rows(stream, rows)
    stream.write("\n  ]")
    for table in report.tables[1:]:
        stream.write(f",\n  {json.dumps(table.name)}: [")
        _write_rows(stream, iter(table.rows))
        stream.write("\n  ]")
    stream.write(",\n" + pair("notes", list(report.notes)) + "\n}\n")
    return count


def _write_rows(stream: TextIO, rows: Iterator[Row]) -> int:
    count = 0
    for row in rows:
        stream.write((",\n    " if count else "\n    ") + json.dumps(row, ensure_ascii=False))
        count += 1
    return count
