"""What a staged piece holds, as far as the meaning of its columns depends on it; told in few words, whatever its size.

pandas is not imported, nor polars where no figure has a mark: a worker begins a second earlier.
"""

from __future__ import annotations

from heapq import nsmallest
from typing import Any

import numpy as np
import pyarrow

from engines._arrow import each_of, numbers_of, texts_of
from large.meaning import further_of
from large.model import INTEGER_DIGITS, MOST_KINDS, PLACES, Layout
from rules.indicators import MAIN
from sources._marks import Marks

FIRST = 4_096  # cells with a point that are looked at first
OTHERS = 12  # indicators that are none of ours and are told
FEW = 5_000  # cells with a mark that are looked at one by one, without polars


def look(table: pyarrow.Table, layout: Layout) -> dict[str, Any]:
    """Return what a staged piece holds, as JSON: see large.meaning.merge()."""
    at = layout.columns
    value = "value" if at.wide else str(at.value)
    texts = [index for index, _ in further_of(layout) if not _all_integers(texts_of(table[str(index)]))]
    return {"kinds": _kinds(table, layout), "marks": _marks(texts_of(table[value])), "texts": texts,
            "places": _places(texts_of(table[str(max(at.name, at.code))]))}


def _all_integers(column: pyarrow.Array) -> bool:
    """Tell whether every cell is an integer as it is written by its shortest text, of at most INTEGER_DIGITS digits."""
    lengths = np.diff(_offsets(column))
    if not len(lengths):
        return True
    if lengths.min() == 0 or lengths.max() > INTEGER_DIGITS + 1 or not _INTEGER[_bytes(column)].all():
        return False
    try:
        numbers = numbers_of(column.cast(pyarrow.int64()))
    except pyarrow.ArrowInvalid:
        return False
    digits = np.searchsorted(10 ** np.arange(1, INTEGER_DIGITS + 1), np.abs(numbers), side="right") + 1
    return bool((digits + (numbers < 0) == lengths).all() and digits.max() <= INTEGER_DIGITS)


_INTEGER = np.isin(np.arange(256), np.frombuffer(b"-0123456789", np.uint8))  # of each byte, whether it may stand there


def _offsets(column: pyarrow.Array) -> Any:
    return np.frombuffer(column.buffers()[1], np.int64)[column.offset:column.offset + len(column) + 1]


def _bytes(column: pyarrow.Array) -> Any:
    """Return the bytes of all cells."""
    offsets = _offsets(column)
    return np.frombuffer(column.buffers()[2] or b"", np.uint8)[offsets[0]:offsets[-1]]


def _places(column: pyarrow.Array) -> list[str]:
    """Return the first different names; of a piece that begins with one name over and over, of more of it."""
    for rows in (1 << 12, len(column)):
        found: list[str] = column.slice(0, rows).unique().slice(0, PLACES).to_pylist()
        if len(found) == PLACES or rows >= len(column):
            break
    return found


def _kinds(table: pyarrow.Table, layout: Layout) -> list[list[str]]:
    """Return the different (indicator, unit, scale) of GDP; of other indicators some names alone, for a message.

    A table may have more indicators than MOST_KINDS, and GDP must not be the one that is left out.
    """
    at = layout.columns
    there = [index for index in (at.indicator, at.unit, at.scale) if index >= 0]
    if not there:
        return [["", "", ""]]
    columns = [texts_of(table[str(index)]).dictionary_encode() for index in there]
    texts = [column.dictionary for column in columns]
    codes = np.zeros(table.num_rows, dtype=np.int64)
    for column in columns:
        codes = codes * len(column.dictionary) + numbers_of(column.indices)
    found = []
    if at.indicator >= 0:
        asked, others = _of_gdp(texts[0])
        codes = codes[asked[numbers_of(columns[0].indices)]]
        found = [[other, "", ""] for other in others]
    for code in np.unique(codes)[:MOST_KINDS + 1].tolist():
        cells = []
        for known in reversed(texts):
            code, place = divmod(code, len(known))
            cells.append(known[place].as_py())
        told = dict(zip(there, reversed(cells), strict=True))
        found.append([told.get(index, "") for index in (at.indicator, at.unit, at.scale)])
    return found


def _of_gdp(indicators: pyarrow.Array) -> tuple[Any, list[str]]:
    """Return for each text whether it means GDP, and the first of the others, sorted."""
    from sources._tables import indicator_of

    asked = np.fromiter((indicator_of(text) == MAIN for text in each_of(indicators)), dtype=bool)
    return asked, nsmallest(OTHERS, (text for text, gdp in zip(each_of(indicators), asked, strict=True) if not gdp))


def _marks(values: pyarrow.Array) -> dict[str, Any]:
    """Return the evidence of a decimal mark: one cell of each shape is enough, digits being alike but a leading zero.
    """
    marks = Marks()
    held, offsets = _bytes(values), _offsets(values)
    comma, point = (_rows_with(held, offsets, mark) for mark in b",.")
    if len(comma) + len(point) <= FEW:
        for row in [*comma.tolist(), *np.setdiff1d(point, comma).tolist()]:
            marks.see(values[row].as_py())
    else:
        _see_shapes(values, marks, commas=len(comma) > 0, points=len(point) > 0)
    return {"sure": marks.sure, "weak": marks.weak, "grouping": marks.grouping}


def _rows_with(held: Any, offsets: Any, mark: int) -> Any:
    """Return the rows whose cells hold a byte."""
    places = np.flatnonzero(held == mark)
    return np.unique(np.searchsorted(offsets - offsets[0], places, side="right") - 1) if len(places) else places


def _see_shapes(values: pyarrow.Array, marks: Marks, *, commas: bool, points: bool) -> None:
    import polars

    cells = polars.Series(values, dtype=polars.String)
    wanted = [cells.filter(cells.str.contains(",", literal=True))] if commas else []
    if points:
        pointed = cells.filter(cells.str.contains(".", literal=True) & ~cells.str.contains(",", literal=True))
        wanted += [pointed.head(FIRST), pointed[FIRST:]]
    for number, some in enumerate(wanted):
        if number == len(wanted) - 1 and points and not marks.open_question:
            break  # a point that can only be decimal was seen: further ones say nothing new
        shapes = some.str.replace(r"^([^0-9]*)0", "${1}z").str.replace_all("[0-9]", "9")
        for cell in some.to_frame("cell").with_columns(shape=shapes).unique(
                "shape", keep="first", maintain_order=True)["cell"]:
            marks.see(cell)
