"""A file of delimited text by one process, for what cannot be cut: packed, of another encoding, with stray quotes.

Where it is well formed it goes as fast as pieces do; from the first record on that cannot be trusted, the csv module
reads the rest.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np

from large.careful import Untrusted
from large.cut import ASCII_FIRST, LONGEST_RECORD, NEWLINE, QUOTE, STEP, head_of
from large.model import Layout
from large.read import RawPiece, Room, numbered, read_piece
from pipeline.documents import RawDocument
from sources._csv_rows import Form, records
from sources._text import errors_of
from sources._unpack import open_unpacked


def read_serially(document: RawDocument, layout: Layout, name: str, piece_bytes: int, room: Room = list
                  ) -> Iterator[RawPiece]:
    """Yield what is in a file, piece by piece, whatever it is: packed, of any encoding, with quotes of any kind.

    Memory is that of a piece: a longer line is cut off and refused. room: see large.read.read_piece(). Raises
    SourceNonsense for damaged packing.
    """
    with open_unpacked(document, name) as packed:
        if layout.encoding in ASCII_FIRST:
            packed.read(layout.header_ends)
            source, waiting = packed, b""
        else:
            source = _utf8_stream(packed, layout.encoding)
            _, waiting = head_of(source, layout.header_lines)
            layout = replace(layout, encoding="utf-8")
        yield from _pieces(source, waiting, layout, name, piece_bytes, room)


def _pieces(source: BinaryIO, waiting: bytes, layout: Layout, name: str, piece_bytes: int, room: Room
            ) -> Iterator[RawPiece]:
    line = layout.header_lines + 1
    while True:
        block = source.read(piece_bytes)
        data = waiting + block
        end = _last_record_end(data) if block else len(data)
        if data and (not end and len(data) > piece_bytes + LONGEST_RECORD):
            yield from _by_csv_module(_Stream(data, source.read), layout, name, line, piece_bytes, room)
            return
        if end:
            try:
                piece = read_piece(data[:end], layout, line, name, room)
            except Untrusted:
                yield from _by_csv_module(_Stream(data, source.read), layout, name, line, piece_bytes, room)
                return
            yield piece
            line += piece.lines
        waiting = data[end:]
        if not block:
            return


def _last_record_end(data: bytes) -> int:
    """Return where the last whole record ends, 0 where there is none."""
    if QUOTE not in data:
        return data.rfind(b"\n") + 1
    last, inside = 0, False
    for at in range(0, len(data), STEP):
        cells = np.frombuffer(data, np.uint8, min(STEP, len(data) - at), at)
        within = np.bitwise_xor.accumulate(cells == QUOTE) ^ inside
        inside = bool(within[-1])
        ends = np.flatnonzero((cells == NEWLINE) & ~within)
        last = at + int(ends[-1]) + 1 if len(ends) else last
    return last


def _by_csv_module(source: io.RawIOBase, layout: Layout, name: str, line: int, piece_bytes: int, room: Room
                   ) -> Iterator[RawPiece]:
    """Yield the rest of a file as the csv module reads it."""
    encoding = "utf-8" if layout.encoding.startswith("utf-8") else layout.encoding
    text = io.TextIOWrapper(io.BufferedReader(source, STEP), encoding, errors_of(encoding), newline="")
    form, size = Form(layout.delimiter, len(layout.names), name), 0
    bad = [room()]  # of the piece that is being read
    rows: list[tuple[int, Sequence[str]]] = []
    for number, row in records(text, form, lambda each: bad[-1].append(each), first=line):
        rows.append((number, row))
        size += sum(map(len, row)) + 8 * len(row)
        if size >= piece_bytes:
            yield numbered(rows, layout, line, bad.pop())
            line, size = number + 1, 0
            bad.append(room())
            rows.clear()
    yield numbered(rows, layout, line, bad.pop())


class _Stream(io.RawIOBase):
    """Bytes that were read already, then what `more` answers: asked for about so many bytes, none at the end."""

    def __init__(self, waiting: bytes, more: Callable[[int], bytes]) -> None:
        self._waiting, self._more = memoryview(waiting), more

    def readable(self) -> bool:
        """Return True, as io asks for."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer from its start and return how many bytes, 0 at the end."""
        if not self._waiting:
            self._waiting = memoryview(self._more(len(buffer)))
        count = min(len(buffer), len(self._waiting))
        buffer[:count] = self._waiting[:count]
        self._waiting = self._waiting[count:]
        return count


def _utf8_stream(source: BinaryIO, encoding: str) -> BinaryIO:
    """Return a text of any encoding as a stream of UTF-8."""
    text = io.TextIOWrapper(source, encoding, errors_of(encoding), newline="")
    return io.BufferedReader(_Stream(b"", lambda size: text.read(size).encode()), STEP)
