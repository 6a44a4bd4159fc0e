"""A piece of delimited text -> its raw texts as an Arrow table: what the csv module reads, twenty times as fast.

sources._csv_rows is what says how a text is read; this gives the same cells, and the same rows in quarantine, cell for
cell and line for line. Most pieces are regular, and pyarrow reads them as they are. Where one is not, a look at its
bytes tells the records that only the csv module reads as it does; these are read by it, one by one, and the others by
pyarrow (large.careful).

The look is right only where quotes stand as they should. Where they do not, Untrusted is raised, and the whole file is
read by one process (large.serial). One thread: the caller sets pyarrow's number of them.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from engines._arrow import array_of, array_of_texts
from large.careful import MARK, Places, empty, in_parts, of_rows, parsed, require_conforming, unless_in_sequence
from large.cut import NEWLINE, QUOTE, RETURN, STEP
from large.model import Layout
from rules.records import Quarantined
from sources._csv_rows import Form
from sources._text import errors_of

Room = Callable[[], list[Quarantined]]


@dataclass(frozen=True)
class RawPiece:
    """The raw texts of some records.

    table:   pyarrow.Table of large_string without nulls, columns named "0", "1", … by their index in the header, and
             int64 "line" where it is not first_line + row. A wide table is long: each record once for each year, in
             the file's order, with "year" and "value" in place of the years' columns, and always with "line".
    unnamed: columns without a name in the header of which a cell here is not empty.
    bad:     what could not be read, in the file's order.
    records: rows of the table and bad ones, as sources.table counts what it reads.
    lines:   ends of lines in the piece, and a last line without one; from the csv module alone: up to its last record.
    """

    table: Any
    unnamed: tuple[str, ...]
    bad: list[Quarantined]
    records: int
    lines: int


def read_piece(data: bytes, layout: Layout, first_line: int, name: str, room: Room = list) -> RawPiece:
    """Return what is in a piece of a file, which begins and ends with whole records. Raises Untrusted.

    room: makes the list for what cannot be read, which may be every line of the piece.
    """
    form, bad = Form(layout.delimiter, len(layout.names), name), room()
    if not data.isascii():
        data = _as_utf8(data, layout.encoding)
    table = _regular(data, form) if data else empty(form.width)
    if table is not None:
        return _piece(layout, table, None, first_line, bad, table.num_rows)
    table, numbers, lines = in_parts(data, form, first_line, bad)
    return _piece(layout, table, numbers, first_line, bad, lines)


def numbered(rows: Sequence[tuple[int, Sequence[str]]], layout: Layout, first_line: int,
             bad: list[Quarantined]) -> RawPiece:
    """Return records that the csv module has read, (line, cells), as a piece."""
    lines = np.array([line for line, _ in rows], np.int64)
    table = of_rows([row for _, row in rows], len(layout.names))
    return _piece(layout, table, unless_in_sequence(lines, first_line), first_line, bad,
                  int(lines[-1]) - first_line + 1 if rows else 0)


def _as_utf8(data: bytes, encoding: str) -> bytes:
    """Return the text as UTF-8, wrong bytes read as sources._text reads them; memory: this and a step more."""
    unicode = encoding.startswith("utf-8")
    if unicode:
        try:
            _decoded(data, "utf-8", "strict")
        except UnicodeDecodeError:
            pass
        else:
            return data
    return b"".join(_decoded(data, "utf-8" if unicode else encoding, errors_of(encoding), keep=True))


def _decoded(data: bytes, encoding: str, errors: str, *, keep: bool = False) -> list[bytes]:
    decoder, view, found = codecs.getincrementaldecoder(encoding)(errors), memoryview(data), []
    for at in range(0, len(data), STEP):
        text = decoder.decode(view[at : at + STEP], at + STEP >= len(data))
        if keep:
            found.append(text.encode())
    return found


# --- a regular piece --------------------------------------------------------------------------------------------------


def _regular(data: bytes, form: Form) -> Any | None:
    """Return the table of a piece with one record a line, each of as many cells as the header has, or all of more and
    these empty; None where it is none such. Raises Untrusted.
    """
    if 0 in data or data.startswith(MARK) or _has_long_line(data):
        return None
    seen = _glance(data)
    if seen.within or seen.alone:
        return None
    quoted = len(seen.quotes) > 0
    if quoted:
        require_conforming(data, seen.quotes, ord(form.delimiter))
    first = data[: data.find(b"\n")] if b"\n" in data else data
    width = form.width if quoted else max(form.width, first.count(form.delimiter.encode()) + 1)
    table = parsed(data, form._replace(width=width), quoted=quoted, newlines=False)
    if table is None or table.num_rows != seen.records:  # it passes over blank lines
        return None
    return _without_last(table, form.width) if width > form.width else table


def _without_last(table: Any, width: int) -> Any | None:
    """Return the first columns of a table where the others are empty and none of its rows is, else None."""
    lengths = [_lengths(column) for column in table.columns]
    full = np.logical_or.reduce(lengths[:width])
    return None if any(each.any() for each in lengths[width:]) or not full.all() else table.select(range(width))


class _Glance(NamedTuple):
    """What a piece is like: how many records, were all of them regular; places of quotes; whether lines end within
    quotes; whether a carriage return stands alone.
    """

    records: int
    quotes: Places
    within: bool
    alone: bool


def _glance(data: bytes) -> _Glance:
    whole, quoted, returns = np.frombuffer(data, np.uint8), QUOTE in data, RETURN in data
    quotes, inside, newlines, within, alone = [np.empty(0, np.int64)], False, 0, 0, data.endswith(b"\r")
    for at in range(0, len(data), STEP):
        cells = whole[at : at + STEP]
        newline = cells == NEWLINE
        newlines += int(np.count_nonzero(newline))
        if quoted:
            quote = cells == QUOTE
            quotes.append(np.flatnonzero(quote) + at)
            covered = np.bitwise_xor.accumulate(quote) ^ inside
            inside = bool(covered[-1])
            within += int(np.count_nonzero(newline & covered))
        if returns:
            behind = whole[at + 1 : at + STEP + 1]
            alone = alone or bool(((cells[: len(behind)] == RETURN) & (behind != NEWLINE)).any())
    return _Glance(newlines + (not data.endswith(b"\n")), np.concatenate(quotes), within > 0, alone)


def _has_long_line(data: bytes) -> bool:
    """Tell whether a line may be longer than a cell may be: whether half of that stands somewhere without an end."""
    half = csv.field_size_limit() // 2
    return any(data.find(b"\n", at, at + half) < 0 for at in range(0, len(data) - half, half))


# --- the piece --------------------------------------------------------------------------------------------------------


def _piece(layout: Layout, table: Any, numbers: Places | None, first_line: int, bad: list[Quarantined],
           lines: int) -> RawPiece:
    unnamed = tuple(str(index) for index, each in enumerate(layout.names)
                    if not each.strip() and _lengths(table.column(str(index))).any())
    if layout.columns.wide:
        if numbers is None:
            numbers = first_line + np.arange(table.num_rows)
        table, numbers = _made_long(table, layout), np.repeat(numbers, len(layout.columns.wide))
    if numbers is not None:
        table = table.append_column("line", array_of(numbers))
    return RawPiece(table, unnamed, bad, table.num_rows + len(bad), lines)


def _made_long(table: Any, layout: Layout) -> Any:
    """Return the table with a row for each year of a record, in the order of records, then of columns."""
    wide, rows = layout.columns.wide, table.num_rows
    values = [table.column(str(index)) for index, _ in wide]
    others = table.drop_columns([str(index) for index, _ in wide])
    long = others.take(array_of(np.repeat(np.arange(rows), len(wide))))
    chunks = [chunk for column in values for chunk in column.chunks]
    order = np.arange(rows * len(wide)).reshape(len(wide), rows).T.ravel()
    years = array_of_texts([year for _, year in wide])
    long = long.append_column("year", years.take(array_of(np.tile(np.arange(len(wide)), rows))))
    return long.append_column("value", pa.chunked_array(chunks, pa.large_string()).take(array_of(order)))


# --- to and from Arrow without pa.array, pyarrow.compute and to_numpy: those import pandas, which takes a second ------


def _lengths(column: Any) -> Places:
    """Return the bytes in each cell of a column of large_string."""
    parts = [np.empty(0, np.int64)]
    for chunk in column.chunks:
        if len(chunk):
            offsets = np.frombuffer(chunk.buffers()[1], np.int64)
            parts.append(np.diff(offsets[chunk.offset : chunk.offset + len(chunk) + 1]))
    return np.concatenate(parts)
