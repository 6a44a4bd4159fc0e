"""Where a large file of delimited text can be cut: at ends of records, found by counting quotes.

A newline between two quotes belongs to a cell. Which newlines those are is told by the number of quotes before them,
even or odd, and that is a sum over blocks, which are surveyed in any order and by any process. Quotes that stand where
they should not (Côte d"Ivoire) make the sum wrong; that is found while pieces are read (large.careful.Untrusted): where
every piece from the first on is well formed, every cut between them was right.
"""

from __future__ import annotations

import bisect
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from large.model import Layout
from pipeline.documents import RawDocument
from pipeline.errors import SourceNonsense, UsageError
from pipeline.storage import INPUT, place
from sources._csv_rows import LONGEST_LINE
from sources._tables import SAFE, Delimited
from sources._unpack import open_unpacked
from sources.table import open_table

STEP = 1 << 18  # bytes looked at together: they stay in the processor's cache
NEAR = 1 << 12  # bytes in which most records end
NEWLINE, RETURN, QUOTE = b"\n\r\""
LINE_END = re.compile(rb"\r\n|\n|\r")
ASCII_FIRST = ("utf-8", "utf-8-sig", "cp1252", "latin-1")  # bytes below 128 mean what they mean in ASCII
LONGEST_RECORD = 4 * LONGEST_LINE  # bytes searched for the end of a record


class BlockSurvey(NamedTuple):
    """What stands in a block of bytes. JSON-able: BlockSurvey(*json.loads(json.dumps(survey))).

    newlines, quotes, zeros: how many of these bytes. returns: carriage returns that no newline follows; the byte after
    the block is looked at. ascii: no byte is above 127.
    """

    sha256: str
    newlines: int
    quotes: int
    zeros: int
    returns: int
    ascii: bool

    @property
    def lines(self) -> int:
        """Ends of lines, as readers of text count them."""
        return self.newlines + self.returns


class Piece(NamedTuple):
    """Whole records of a file: bytes start to end. first_line: the line with which it begins; the file's first is 1."""

    number: int
    start: int
    end: int
    first_line: int


class Uncuttable(NamedTuple):
    """The file is read by one process. reason: the rest of a sentence that begins with "it"."""

    reason: str


# --- layout -----------------------------------------------------------------------------------------------------------


def layout_of(document: RawDocument, name: str, explicit: Mapping[str, str]) -> Layout:
    """Return how a file of delimited text is read; `explicit` is role -> column name of --columns.

    Raises SourceNonsense and UsageError, as --source table does, and UsageError where it is no delimited text.
    """
    table = open_table(document, name, explicit)
    if not isinstance(table, Delimited):
        raise UsageError(f"{name} is no CSV or TSV; only these are read by pieces", where=name, safe=SAFE,
                         next_command="the same command without --target, or with the table as CSV")
    lines = table.header_lines()
    with open_unpacked(document, name) as stream:
        ends = (_after_lines(stream, lines) if table.encoding in ASCII_FIRST
                else _encoded_length(table.top(lines), table.encoding))
    return Layout(tuple(table.header), table.delimiter, table.encoding, table.columns, ends, lines)


def _encoded_length(text: str, encoding: str) -> int:
    return len(text.encode(encoding))  # "utf-16" and "utf-32" put their mark before it


def _after_lines(stream: BinaryIO, lines: int) -> int:
    return len(head_of(stream, lines)[0])


def head_of(stream: BinaryIO, lines: int) -> tuple[bytes, bytes]:
    """Read until the first `lines` lines are there; return them, and what was read behind them."""
    data = b""
    while block := stream.read(STEP):
        data += block
        ends = [found.end() for found in islice(LINE_END.finditer(data), lines)]
        if len(ends) == lines and ends[-1] < len(data):  # a newline may still follow a carriage return
            return data[: ends[-1]], data[ends[-1] :]
    return data, b""


# --- survey -----------------------------------------------------------------------------------------------------------


def survey_block(path: str, start: int, end: int) -> BlockSurvey:
    """Return what stands in bytes start to end of a file. Raises SourceNonsense where the file ends before.

    Memory is that of STEP bytes, whatever the size of the block.
    """
    digest, counts, plain = hashlib.sha256(), _Counts(), True
    for data in _steps(path, start, end):
        digest.update(data)
        counts.add(data)
        plain = plain and data.isascii()
    counts.end(_byte_at(path, end))
    return BlockSurvey(digest.hexdigest(), counts.newlines, counts.quotes, counts.zeros, counts.returns, plain)


class _Counts:
    """What was counted in bytes that come one after another."""

    def __init__(self) -> None:
        self.newlines = self.quotes = self.zeros = self.returns = 0
        self._waiting = False  # the last byte was a carriage return: whether a newline follows is not known

    def add(self, data: bytearray) -> None:
        """Count some more bytes."""
        cells = np.frombuffer(data, np.uint8)
        if self._waiting:
            self.end(data[:1])
        self.newlines += int(np.count_nonzero(cells == NEWLINE))
        # Looking for a byte that is not there takes a tenth of the time that counting takes.
        if QUOTE in data:
            self.quotes += int(np.count_nonzero(cells == QUOTE))
        if 0 in data:
            self.zeros += int(np.count_nonzero(cells == 0))
        if RETURN in data:
            returns = cells == RETURN
            self._waiting = bool(returns[-1])
            self.returns += int(np.count_nonzero(returns[:-1] & (cells[1:] != NEWLINE)))

    def end(self, following: bytes | bytearray) -> None:
        """Decide about the last byte by the one that follows."""
        self.returns += self._waiting and following[:1] != b"\n"
        self._waiting = False


def _steps(path: str, start: int, end: int) -> Iterator[bytearray]:
    """Yield the bytes of a range, each time in the same buffer where it is full."""
    buffer, at = bytearray(min(STEP, max(end - start, 0))), start
    with _opened(path, end - start) as stream:
        stream.seek(start)
        while at < end:
            if end - at < len(buffer):
                buffer = bytearray(end - at)
            read = stream.readinto(buffer)
            if not read:
                raise SourceNonsense(f"{place(path).name} became shorter while it was read: {at:,} bytes where there "
                                     f"were {end:,}", where=path, safe=SAFE, next_command=f"ls -l {path}")
            at += read
            yield buffer if read == len(buffer) else buffer[:read]


def _byte_at(path: str, at: int) -> bytes:
    with _opened(path, 1) as stream:
        stream.seek(at)
        return bytes(stream.read(1))


def _opened(path: str, wanted: int) -> Any:
    """Open a file of which about so many bytes are wanted: it has no buffer of its own, an object's is no larger."""
    source = place(path, option=INPUT)
    return source.open("rb", buffering=0) if isinstance(source, Path) else source.open(most=wanted)


# --- cuts -------------------------------------------------------------------------------------------------------------


class _State(NamedTuple):
    """What stands before a place of the file: quotes since the header, ends of lines since the file's begin."""

    at: int
    quotes: int
    lines: int


def cut(path: str, layout: Layout, blocks: Sequence[tuple[int, int, BlockSurvey]],
        piece_bytes: int) -> list[Piece] | Uncuttable:
    """Return the pieces of a file, each of about `piece_bytes`; none where nothing stands under the header.

    `blocks`: (start, end, survey), one after another from byte 0 to the end of the file. The pieces do not depend on
    where blocks begin. Where a record is longer than a piece, its piece is longer, up to LONGEST_RECORD.
    """
    known = _known_states(path, layout, blocks)
    if reason := _reason(layout, blocks, known):
        return Uncuttable(reason)
    start, size, first = layout.header_ends, known[-1].at, layout.header_lines + 1
    pieces: list[Piece] = []
    for nominal in range(layout.header_ends + piece_bytes, size, piece_bytes):
        if nominal <= start:
            continue
        state = _state_at(path, nominal - 1, known, _State(start, 0, first - 1))
        found = _record_end(path, state, size)
        if found is None:
            return Uncuttable(f"has a record of more than {LONGEST_RECORD:,} bytes")
        if found.at >= size:
            break
        pieces.append(Piece(len(pieces), start, found.at, first))
        start, first = found.at, found.lines + 1
    return [*pieces, Piece(len(pieces), start, size, first)] if start < size else pieces


def _known_states(path: str, layout: Layout, blocks: Sequence[tuple[int, int, BlockSurvey]]) -> list[_State]:
    """Return the state at the end of the header and of each block behind it, in order."""
    head = _counted(path, 0, layout.header_ends)
    states, quotes, lines = [_State(layout.header_ends, 0, layout.header_lines)], -head.quotes, 0
    for _, end, survey in blocks:
        quotes, lines = quotes + survey.quotes, lines + survey.lines
        if end > layout.header_ends:
            states.append(_State(end, quotes, lines))
    return states


def _reason(layout: Layout, blocks: Sequence[tuple[int, int, BlockSurvey]], known: Sequence[_State]) -> str:
    if layout.encoding not in ASCII_FIRST:
        return f"is {layout.encoding.upper()}, in which a byte does not tell what it is part of"
    if known[-1].quotes % 2:
        return "has a quote that is never closed"
    if sum(survey.returns for _, _, survey in blocks) > sum(survey.newlines for _, _, survey in blocks):
        return "ends its lines with carriage returns"
    return ""


def _counted(path: str, start: int, end: int) -> _Counts:
    counts = _Counts()
    for data in _steps(path, start, end):
        counts.add(data)
    if end > start:
        counts.end(_byte_at(path, end))
    return counts


def _state_at(path: str, at: int, known: Sequence[_State], cut_at: _State) -> _State:
    """Return the state at a place, counted from the nearest place where it is known, before or behind.

    known: in order. cut_at: the latest cut, which is the nearest where pieces are smaller than blocks.
    """
    behind = bisect.bisect_left(known, at, key=lambda state: state.at)
    near = min(*known[max(behind - 1, 0):behind + 1], cut_at, key=lambda state: abs(state.at - at))
    counts = _counted(path, min(near.at, at), max(near.at, at))
    sign = 1 if near.at <= at else -1
    return _State(at, near.quotes + sign * counts.quotes, near.lines + sign * (counts.newlines + counts.returns))


def _record_end(path: str, state: _State, size: int) -> _State | None:
    """Return the state behind the first end of a record at or behind `state`; at the end of the file where there is
    none. None: too far.
    """
    end, quotes, lines = min(size, state.at + LONGEST_RECORD), state.quotes, _Counts()
    at, near = state.at, min(state.at + NEAR, end)
    for data in chain(_steps(path, at, near), _steps(path, near, end)):
        cells = np.frombuffer(data, np.uint8)
        inside = np.bitwise_xor.accumulate(cells == QUOTE) ^ bool(quotes % 2)
        found = np.flatnonzero((cells == NEWLINE) & ~inside)
        if len(found):
            lines.add(data[: int(found[0]) + 1])
            return _State(at + int(found[0]) + 1, 0, state.lines + lines.newlines + lines.returns)
        lines.add(data)
        quotes, at = quotes + int(np.count_nonzero(cells == QUOTE)), at + len(data)
    return _State(size, 0, 0) if end == size else None
