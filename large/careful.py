"""A piece whose cells or quotes are not regular: a look at its bytes tells which records only the csv module reads.

Those (another number of cells, a zero byte, a carriage return alone, a cell over its limit) are read by it, one by one,
and the others by pyarrow; see large.read, which comes here where a piece is not regular.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TextIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pcsv

from engines._arrow import array_of, array_of_texts
from large.cut import NEWLINE, QUOTE, RETURN, STEP
from rules.records import Quarantined
from sources._csv_rows import LONGEST_LINE, Form, records

MARK = codecs.BOM_UTF8
CARE = 1 << 20  # bytes looked at with care together: of lines of two bytes the look alone takes fifty times as much
Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Untrusted(Exception):
    """Quotes do not stand as they should, so what is a record cannot be told from a piece alone.

    The message is the rest of a sentence that begins with the file's name.
    """


# --- a look at the bytes ----------------------------------------------------------------------------------------------


class _Found(NamedTuple):
    """Places of bytes: of quotes, of all newlines, of ends of records, of delimiters between cells."""

    quotes: Places
    newlines: Places
    ends: Places
    delimiters: Places


def _look(data: bytes, delimiter: int) -> _Found:
    found: list[list[Places]] = [[], [], [], []]
    quoted, inside = QUOTE in data, False
    for at in range(0, len(data), STEP):
        cells = np.frombuffer(data, np.uint8, min(STEP, len(data) - at), at)
        newline, delimits = cells == NEWLINE, cells == delimiter
        if quoted:
            quote = cells == QUOTE
            within = np.bitwise_xor.accumulate(quote) ^ inside
            inside = bool(within[-1])
            found[0].append(np.flatnonzero(quote) + at)
            found[1].append(np.flatnonzero(newline) + at)
            newline, delimits = newline & ~within, delimits & ~within
        found[2].append(np.flatnonzero(newline) + at)
        found[3].append(np.flatnonzero(delimits) + at)
    joined = [np.concatenate(each) if each else np.empty(0, np.int64) for each in found]
    return _Found(joined[0], joined[1] if quoted else joined[2], joined[2], joined[3])


def require_conforming(data: bytes, quotes: Places, delimiter: int) -> None:
    """Raise Untrusted unless every quote opens or closes a cell, or is one of a pair within one.

    Then, and only then, the number of quotes before a byte tells whether it stands in a quoted cell.
    """
    if len(quotes) % 2:
        raise Untrusted("has a quote that is never closed")
    allowed = np.zeros(256, bool)
    allowed[[delimiter, NEWLINE, RETURN, QUOTE]] = True
    cells = np.frombuffer(data, np.uint8)
    opening, closing = quotes[0::2], quotes[1::2]
    opening = opening[1:] if opening[0] == 0 else opening
    closing = closing[:-1] if closing[-1] == len(data) - 1 else closing
    if not (allowed[cells[opening - 1]].all() and allowed[cells[closing + 1]].all()):
        raise Untrusted("has a quote inside a cell that does not begin with one, or text behind a closing quote")


def in_parts(data: bytes, form: Form, first_line: int, bad: list[Quarantined]) -> tuple[Any, Places | None, int]:
    """Return what _with_care() does of each part of a piece, as one."""
    tables, numbers, line = [empty(form.width)], [np.empty(0, np.int64)], first_line
    for part in _parts(data):
        table, told, lines = _with_care(part, form, line, bad)
        tables.append(table)
        numbers.append(line + np.arange(table.num_rows) if told is None else told)
        line += lines
    return pa.concat_tables(tables), unless_in_sequence(np.concatenate(numbers), first_line), line - first_line


def _parts(data: bytes) -> Iterator[bytes]:
    """Yield a piece in parts of about CARE bytes that end with records, as long as quotes stand as they should."""
    start, inside = 0, False
    for at in range(0, len(data), CARE):
        cells = np.frombuffer(data, np.uint8, min(CARE, len(data) - at), at)
        within = np.bitwise_xor.accumulate(cells == QUOTE) ^ inside
        inside = bool(within[-1])
        ends = (cells == NEWLINE) & ~within
        if ends.any():
            end = at + len(ends) - int(ends[::-1].argmax())
            yield data[start:end]
            start = end
    if start < len(data):
        yield data[start:]


def _with_care(data: bytes, form: Form, first_line: int, bad: list[Quarantined]) -> tuple[Any, Places | None, int]:
    """Return the table of any piece, the line of each of its rows where they are not one a line, and the lines."""
    if not data.endswith(b"\n"):
        data += b"\n"
    delimiter = ord(form.delimiter)
    found = _look(data, delimiter)
    if len(found.quotes):
        require_conforming(data, found.quotes, delimiter)
    starts = np.concatenate([np.zeros(1, np.int64), found.ends[:-1] + 1])[: len(found.ends)]
    alone = _lone_returns(data)
    blank, strange = _sorted_out(data, form, found, starts, alone)
    numbers = first_line + np.arange(len(starts))
    if len(found.newlines) > len(found.ends) or len(alone):
        numbers = first_line + np.searchsorted(found.newlines, starts) + np.searchsorted(alone, starts)
    good = ~(blank | strange)
    table = _good_rows(data, form, found, starts, good)
    lines = len(found.newlines) + len(alone)
    if table is None:  # pyarrow reads something otherwise than we think: what the csv module says is right
        good, strange = np.zeros_like(good), np.ones_like(strange)
        table = empty(form.width)
    rows = [(line, row) for start, end, first in _runs(strange, starts, found.ends, numbers)
            for line, row in records(_text(data[start:end]), form, bad.append, first=first)]
    numbers = numbers[good]
    if rows:
        table, numbers = _merged(table, numbers, rows, form.width)
    return table, unless_in_sequence(numbers, first_line), lines


def unless_in_sequence(numbers: Places, first_line: int) -> Places | None:
    """Return the lines of rows, None where each is the next one's neighbour and the first is first_line."""
    return None if (numbers == first_line + np.arange(len(numbers))).all() else numbers


def _lone_returns(data: bytes) -> Places:
    if RETURN not in data:
        return np.empty(0, np.int64)
    cells = np.frombuffer(data, np.uint8)
    at = np.flatnonzero(cells == RETURN)  # never the last byte, which is a newline
    alone: Places = at[cells[at + 1] != NEWLINE]
    return alone


def _sorted_out(data: bytes, form: Form, found: _Found, starts: Places, alone: Places) -> tuple[Flags, Flags]:
    """Return which records are blank lines, and which are left to the csv module. Raises Untrusted."""
    cells, lengths = np.frombuffer(data, np.uint8), found.ends - starts
    blank = (lengths == 0) | ((lengths == 1) & (cells[starts] == RETURN))
    strange = _cells_between(found, starts, form.width) != form.width
    limit = csv.field_size_limit()
    for at in np.flatnonzero(lengths > limit):
        strange[at] = True
        _require_one_line(data[starts[at] : found.ends[at]])
    if 0 in data:
        strange[np.searchsorted(found.ends, np.flatnonzero(cells == 0))] = True
    strange[np.searchsorted(found.ends, alone)] = True
    if MARK in data:  # pyarrow takes it for the mark of a file where its text begins with it
        strange |= (cells[starts] == MARK[0]) & (lengths > 2)
    return blank, strange & ~blank


def _require_one_line(record: bytes) -> None:
    """Raise Untrusted for a long record with quotes of which the csv module may make several.

    It gives up a record at the line in which a cell passes its limit, and takes the next line for a new one; of a line
    over LONGEST_LINE it sees the begin only.
    """
    if QUOTE in record and (len(record) > LONGEST_LINE or b"\n" in record or b"\r" in record[:-1]):
        raise Untrusted(f"has a record with quotes of {len(record):,} bytes")


def _cells_between(found: _Found, starts: Places, width: int) -> Places:
    """Return the number of cells of each record."""
    ends, between = found.ends, found.delimiters
    if width > 1 and len(between) == len(ends) * (width - 1):
        rows = between.reshape(len(ends), width - 1)
        if (rows[:, 0] >= starts).all() and (rows[:, -1] < ends).all():
            return np.full(len(ends), width)
    cells: Places = np.diff(np.searchsorted(between, ends), prepend=0) + 1
    return cells


def _good_rows(data: bytes, form: Form, found: _Found, starts: Places, good: Flags) -> Any | None:
    """Return the table of the good records, None where pyarrow finds others than we."""
    wanted = int(np.count_nonzero(good))
    if not wanted:
        return empty(form.width)
    if wanted < len(good):
        data = np.frombuffer(data, np.uint8)[np.repeat(good, found.ends - starts + 1)].tobytes()
    table = parsed(data, form, quoted=bool(len(found.quotes)), newlines=len(found.newlines) > len(found.ends))
    return table if table is not None and table.num_rows == wanted else None


# --- what the csv module reads ----------------------------------------------------------------------------------------


def _runs(strange: Flags, starts: Places, ends: Places, numbers: Places) -> Iterator[tuple[int, int, int]]:
    """Yield (start, end, line) of the records that stand together."""
    edges = np.flatnonzero(np.diff(strange.astype(np.int8), prepend=0, append=0))
    for first, behind in zip(edges[0::2].tolist(), edges[1::2].tolist(), strict=True):
        yield int(starts[first]), int(ends[behind - 1]) + 1, int(numbers[first])


def _text(data: bytes) -> TextIO:
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline="")


def _merged(table: Any, numbers: Places, rows: Sequence[tuple[int, Sequence[str]]], width: int) -> tuple[Any, Places]:
    """Return the table with some rows at their places, by line."""
    together = np.concatenate([numbers, np.array([line for line, _ in rows], np.int64)])
    order = np.argsort(together, kind="stable")
    joined = pa.concat_tables([table, of_rows([row for _, row in rows], width)])
    return joined.take(array_of(order)), together[order]


def of_rows(rows: Sequence[Sequence[str]], width: int) -> Any:
    """Return rows of cells as a table of large_string whose columns are named by their index."""
    columns: Sequence[Sequence[str]] = list(zip(*rows, strict=True)) if rows else [()] * width
    return pa.table({str(index): array_of_texts(cells) for index, cells in enumerate(columns)})


def empty(width: int) -> Any:
    """Return such a table without rows."""
    return of_rows([], width)


# --- what pyarrow reads -----------------------------------------------------------------------------------------------


def parsed(data: bytes, form: Form, *, quoted: bool, newlines: bool) -> Any | None:
    """Return the table that pyarrow reads, None where a line has another number of cells."""
    columns = [str(index) for index in range(form.width)]
    try:
        return pcsv.read_csv(
            pa.BufferReader(data),
            pcsv.ReadOptions(use_threads=False, block_size=1 << 20, column_names=columns),
            pcsv.ParseOptions(delimiter=form.delimiter, quote_char='"' if quoted else False, double_quote=quoted,
                              newlines_in_values=newlines),
            pcsv.ConvertOptions(check_utf8=False, column_types=dict.fromkeys(columns, pa.large_string()),
                                strings_can_be_null=False, quoted_strings_can_be_null=False))
    except pa.ArrowInvalid:
        return None
