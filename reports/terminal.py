"""Answers on a terminal: tables as wide as it is, figures whole, names cut, colours unless NO_COLOR is set.

What does not fit is left out column by column and named below the table. Piped, answers are drawn by tables.py.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TextIO

from rich.box import Box
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Column
from rich.table import Table as Grid
from rich.text import Text

from pipeline.console import visible
from reports.tables import Report, Table, columns_of, is_number, legend, shown

USUAL = 80  # columns of a terminal that does not say
GAP = 2  # blanks between two columns
NAME, FOLDED = 12, 16  # narrower no text is cut, or goes on in the next line
BLOCKS = "▁▂▃▄▅▆▇█"
_RULE = "    \n    \n {0}{0} \n    \n    \n    \n    \n    \n"


@dataclass(frozen=True)
class Shape:
    """A column as it is drawn; widths in cells of the terminal.

    least, whole: the narrowest that cuts nothing that must not be cut, and the widest that is of use.
    """

    name: str
    head: str
    cells: Sequence[str]
    right: bool
    folded: bool
    least: int
    whole: int


def show(report: Report, stream: TextIO | None = None) -> None:
    """Print a report to a terminal, standard output by default."""
    stream = stream or sys.stdout
    console = Console(file=stream, width=width_of(stream), color_system=None if os.environ.get("NO_COLOR") else "auto",
                      highlight=False, markup=False, emoji=False)
    plain = not (stream.encoding or "").lower().startswith("utf")
    for at, table in enumerate(report.tables):
        title = Text(_folded(visible(table.title), console.width), style="bold")
        console.print(*([""] if at else []), title, "", sep="\n")
        if not table.rows:
            console.print("(none)")
        elif table.listed:
            _list(console, table)
        else:
            _table(console, table, plain=plain)
    for note in [*report.notes, *legend(report)]:
        _say(console, note)
    stream.flush()


def _say(console: Console, sentence: str) -> None:
    """Print a sentence below what there is."""
    console.print("", Text(_folded(visible(sentence), console.width)), sep="\n")


def width_of(stream: TextIO) -> int:
    """Return how many columns a terminal has."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or USUAL
    except (OSError, ValueError):
        return USUAL


def sparkline(values: Sequence[float | None]) -> str:
    """Return a block a value, from the lowest of them to the highest; a blank where there is none."""
    there = [value for value in values if value is not None]
    if not there:
        return ""
    low, span = min(there), max(there) - min(there)
    top = len(BLOCKS) - 1
    return "".join(" " if value is None else BLOCKS[round((value - low) / span * top) if span else top // 2]
                   for value in values)


# --- tables -----------------------------------------------------------------------------------------------------------


def _table(console: Console, table: Table, *, plain: bool) -> None:
    """Draw a table, and name the columns that there is no room for."""
    shapes = shapes_of(table, plain=plain)
    kept = fitting(shapes, _first_to_go(table, shapes), console.width)
    widths = shared(kept, console.width)
    folds = any(shape.folded for shape in kept)
    grid = Grid(*(Column(_folded(shape.head, width), width=width, justify="right" if shape.right else "left",
                         no_wrap=True, overflow="crop", vertical="top" if folds else "bottom",
                         style="cyan" if shape.name in table.sparklines else "")
                  for shape, width in zip(kept, widths, strict=True)),
                box=Box(_RULE.format("-" if plain else "─"), ascii=plain), show_edge=False, pad_edge=False,
                padding=(0, GAP - 1, 0, 0), header_style="bold")
    for at in range(len(table.rows)):
        texts = ((shape.cells[at], shape.folded, width) for shape, width in zip(kept, widths, strict=True))
        grid.add_row(*(Text(_folded(text, width) if folded else cut(text, width, plain=plain))
                       for text, folded, width in texts))
    console.print(grid)
    if table.lines and any(shape.name in table.sparklines for shape in kept):
        _say(console, table.lines)
    if left := [shape.head for shape in shapes if shape not in kept]:
        _say(console, f"No room for: {', '.join(left)}. A wider terminal or --format json shows them.")


def shapes_of(table: Table, *, plain: bool) -> list[Shape]:
    """Return the columns of a table. plain: the terminal has letters only, and so no sparklines."""
    found = [_shape(table, name, head) for name, head in columns_of(table).items()]
    sparks = [] if plain else [_shape(table, name, head) for name, head in table.sparklines.items()]
    return found + [shape for shape in sparks if any(shape.cells)]


def _shape(table: Table, name: str, head: str) -> Shape:
    if name in table.sparklines:
        cells = [sparkline(row[name]) if len(row[name]) - row[name].count(None) > 1 else "" for row in table.rows]
    else:
        cells = [visible(shown(table, name, row).replace("\n", " ")) for row in table.rows]
    if name == "Year" and any(cell.endswith("f") for cell in cells):
        cells = [cell if cell.endswith("f") else f"{cell} " for cell in cells]  # digits under digits
    head = visible(head.replace("\n", " "))
    widest = max(map(cell_len, cells))
    right, folded = is_number(table, name), name in table.wrap
    least = min(widest, FOLDED if folded else widest if right or name in _whole(table) else NAME)
    least = max(least, *map(cell_len, head.split()))
    return Shape(name, head, cells, right, folded, least, max(widest, cell_len(head)))


def _whole(table: Table) -> Iterable[str]:
    """Return the texts that are shown whole or not at all: those that give way, as codes do."""
    return (*table.gives_way, *table.sparklines, "Year")


def _first_to_go(table: Table, shapes: Sequence[Shape]) -> list[str]:
    """Return the columns that may be left out, the first to go first; the first two stay."""
    named = [name for name in table.gives_way if any(shape.name == name for shape in shapes)]
    return [*named, *(shape.name for shape in reversed(shapes[2:]) if shape.name not in named)]


def fitting(shapes: Sequence[Shape], first_to_go: Iterable[str], width: int) -> list[Shape]:
    """Return the columns that fit side by side."""
    kept = list(shapes)
    for name in first_to_go:
        if _total(kept) <= width:
            break
        kept = [shape for shape in kept if shape.name != name]
    return kept


def _total(shapes: Sequence[Shape]) -> int:
    return sum(shape.least for shape in shapes) + GAP * (len(shapes) - 1)


def shared(shapes: Sequence[Shape], width: int) -> list[int]:
    """Return the width of each column: what it needs, and of what is left the names first, then the heads."""
    widths = {shape.name: shape.least for shape in shapes}
    rest = width - _total(shapes)
    for shape in sorted(shapes, key=lambda each: each.right):
        more = max(min(shape.whole - shape.least, rest), 0)
        widths[shape.name] += more
        rest -= more
    return [widths[shape.name] for shape in shapes]


def cut(text: str, width: int, *, plain: bool) -> str:
    """Return a text that is no wider, with a mark where its end is cut off."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + ("~" if plain else "…")


def _folded(text: str, width: int) -> str:
    return "\n".join(wrap(text, width, break_on_hyphens=False))


# --- lists ------------------------------------------------------------------------------------------------------------


def _list(console: Console, table: Table) -> None:
    """Draw rows one after another, each as lines of head and text; a list of texts takes a line each."""
    columns = columns_of(table)
    wide = max(map(len, columns.values())) + GAP
    for at, row in enumerate(table.rows):
        if at:
            console.print("")
        for name, head in columns.items():
            for number, text in enumerate(filter(None, _texts(table, name, row))):
                _item(console, "" if number else head, text, wide)


def _texts(table: Table, name: str, row: Mapping[str, object]) -> list[str]:
    value = row[name]
    return [str(each) for each in value] if isinstance(value, list) else [shown(table, name, row)]


def _item(console: Console, head: str, text: str, wide: int) -> None:
    """Print a text beside its head, in as many lines as it takes."""
    indent = " " * (len(text) - len(text.lstrip()))
    lines = wrap(visible(text), max(console.width - wide, NAME), break_on_hyphens=False, subsequent_indent=indent)
    for at, line in enumerate(lines):
        console.print(Text.assemble((f"{'' if at else head:<{wide}}", "bold"), line))
