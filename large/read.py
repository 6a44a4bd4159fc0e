"""A piece of delimited text -> its raw texts as an Arrow table: what the csv module reads, twenty times as fast.

sources._csv_rows is what says how a text is read; this gives the same cells, and the same rows in quarantine, cell for
cell and line for line. Most pieces are regular, and pyarrow reads them as they are. Where one is not, a look at its
bytes tells the records that only the csv module reads as it does (another number of cells, a zero byte, a carriage
return alone, a cell over its limit); these are read by it, one by one, and the others by pyarrow.

The look is right only where quotes stand as they should. Where they do not, Untrusted is raised, and the whole file is
read by one process (large.serial). One thread: the caller sets pyarrow's number of them.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TextIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pcsv

from engines._arrow import array_of, array_of_texts
from large.cut import NEWLINE, QUOTE, RETURN, STEP
from large.model import Layout
from rules.records import Quarantined
from sources._csv_rows import LONGEST_LINE, Form, records
from sources._text import errors_of

MARK = codecs.BOM_UTF8
CARE = 1 << 20  # bytes looked at with care together: of lines of two bytes the look alone takes fifty times as much
Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Room = Callable[[], list[Quarantined]]


class Untrusted(Exception):
    """Quotes do not stand as they should, so what is a record cannot be told from a piece alone.

    The message is the rest of a sentence that begins with the file's name.
    """


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
    table = _regular(data, form) if data else _empty(form.width)
    if table is not None:
        return _piece(layout, table, None, first_line, bad, table.num_rows)
    table, numbers, lines = _in_parts(data, form, first_line, bad)
    return _piece(layout, table, numbers, first_line, bad, lines)


def numbered(rows: Sequence[tuple[int, Sequence[str]]], layout: Layout, first_line: int,
             bad: list[Quarantined]) -> RawPiece:
    """Return records that the csv module has read, (line, cells), as a piece."""
    lines = np.array([line for line, _ in rows], np.int64)
    table = _of_rows([row for _, row in rows], len(layout.names))
    return _piece(layout, table, _unless_in_sequence(lines, first_line), first_line, bad,
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
        _require_conforming(data, seen.quotes, ord(form.delimiter))
    first = data[: data.find(b"\n")] if b"\n" in data else data
    width = form.width if quoted else max(form.width, first.count(form.delimiter.encode()) + 1)
    table = _parsed(data, form._replace(width=width), quoted=quoted, newlines=False)
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


def _parsed(data: bytes, form: Form, *, quoted: bool, newlines: bool) -> Any | None:
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


def _require_conforming(data: bytes, quotes: Places, delimiter: int) -> None:
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


def _in_parts(data: bytes, form: Form, first_line: int, bad: list[Quarantined]) -> tuple[Any, Places | None, int]:
    """Return what _with_care() does of each part of a piece, as one."""
    tables, numbers, line = [_empty(form.width)], [np.empty(0, np.int64)], first_line
    for part in _parts(data):
        table, told, lines = _with_care(part, form, line, bad)
        tables.append(table)
        numbers.append(line + np.arange(table.num_rows) if told is None else told)
        line += lines
    return pa.concat_tables(tables), _unless_in_sequence(np.concatenate(numbers), first_line), line - first_line


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
        _require_conforming(data, found.quotes, delimiter)
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
        table = _empty(form.width)
    rows = [(line, row) for start, end, first in _runs(strange, starts, found.ends, numbers)
            for line, row in records(_text(data[start:end]), form, bad.append, first=first)]
    numbers = numbers[good]
    if rows:
        table, numbers = _merged(table, numbers, rows, form.width)
    return table, _unless_in_sequence(numbers, first_line), lines


def _unless_in_sequence(numbers: Places, first_line: int) -> Places | None:
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
        return _empty(form.width)
    if wanted < len(good):
        data = np.frombuffer(data, np.uint8)[np.repeat(good, found.ends - starts + 1)].tobytes()
    table = _parsed(data, form, quoted=bool(len(found.quotes)), newlines=len(found.newlines) > len(found.ends))
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
    joined = pa.concat_tables([table, _of_rows([row for _, row in rows], width)])
    return joined.take(array_of(order)), together[order]


def _of_rows(rows: Sequence[Sequence[str]], width: int) -> Any:
    columns: Sequence[Sequence[str]] = list(zip(*rows, strict=True)) if rows else [()] * width
    return pa.table({str(index): array_of_texts(cells) for index, cells in enumerate(columns)})


def _empty(width: int) -> Any:
    return _of_rows([], width)


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
