"""Parts as files: staged and clean records as CSV, every field as text, complete or absent.

CSV because every engine reads it at full speed with no library beyond the standard one, and a person can look into it.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from pipeline.checkpoints import Part, make_part, part_name
from pipeline.errors import CheckpointError
from utils import Workspace, atomic_file

ROWS_PER_PART = 1_000_000
ROWS_PER_WRITE = 10_000
ROWS_PER_READ = 1000
LONGEST_FIELD = 1 << 24  # characters; a cell of a web page may be longer than what the csv module reads by itself

Block = list[Sequence[str]]


def write_parts(workspace: Workspace, folder: Path, stem: str, header: Sequence[str],
                rows: Iterable[Sequence[str]]) -> list[Part]:
    """Write rows of texts as one or more parts of at most ROWS_PER_PART; names are made from the content.

    An empty iterable gives one part with a header and no row. Raises DiskFull; a part that is not complete is absent.
    """
    blocks, parts = _Blocks(iter(rows)), list[Part]()
    while blocks.block or not parts:
        parts.append(_write_one(workspace, folder, f"{stem}-{len(parts) + 1:04d}", header, blocks))
    return parts


class _Blocks:
    """The rows still to be written, a block of them already read, so that the end is known before a part begins."""

    def __init__(self, rows: Iterator[Sequence[str]]) -> None:
        self._rows = rows
        self.block: Block = self._read(ROWS_PER_PART)

    def _read(self, room: int) -> Block:
        return list(itertools.islice(self._rows, min(room, ROWS_PER_WRITE)))

    def take(self) -> Iterator[Block]:
        """Yield the blocks of one part."""
        room = ROWS_PER_PART
        while self.block and room:
            yield self.block
            room -= len(self.block)
            self.block = self._read(room or ROWS_PER_PART)


def _write_one(workspace: Workspace, folder: Path, stem: str, header: Sequence[str], blocks: _Blocks) -> Part:
    count, final = 0, folder / f"{stem}.csv"

    def named(temporary: Path) -> Path:
        nonlocal final
        final = folder / part_name(stem, ".csv", temporary)
        return final

    with atomic_file(final, "w", name_after=named, newline="") as stream:
        _write_block(stream, [header])
        for block in blocks.take():
            _write_block(stream, block)
            count += len(block)
    return make_part(workspace, final, count)


def _write_block(stream: IO[str], block: Block) -> None:
    """Write rows as CSV, with quotes only where a text needs them.

    Most blocks need none: no quote, and no more commas and line ends than the rows bring. Joining them takes a seventh
    of the csv module's time. That module leaves a bare carriage return without quotes, and then refuses to read it.
    """
    try:
        text = "\n".join(map(",".join, block)) + "\n"
    except TypeError:  # a field that is no text
        csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(block)
        return
    commas, ends = sum(map(len, block)) - len(block), len(block)
    if "\r" in text:
        csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(block)
    elif '"' in text or text.count(",") != commas or text.count("\n") != ends or not commas:
        csv.writer(stream, lineterminator="\n").writerows(block)
    else:
        stream.write(text)


def read_rows(path: Path) -> Iterator[list[str]]:
    """Yield the rows of a part, the header first. Raises CheckpointError where it is no CSV that was written here."""
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            while rows := _some(reader):
                yield from rows
    except (csv.Error, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path.name} cannot be read as CSV ({error})", where=str(path),
                              safe="the database is as it was") from error


def _some(reader: Iterator[list[str]]) -> list[list[str]]:
    """Return the next rows; the limit of a field is the whole process's, sources quarantine by it, and parts are read
    in turns."""
    before = csv.field_size_limit(LONGEST_FIELD)
    try:
        return list(itertools.islice(reader, ROWS_PER_READ))
    finally:
        csv.field_size_limit(before)
