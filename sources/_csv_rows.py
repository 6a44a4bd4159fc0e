"""Records of delimited text as the csv module reads them: lines of bounded length, and what is wrong with a record."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from itertools import chain
from typing import NamedTuple, Protocol, TextIO

from rules.records import Quarantined

LONGEST_LINE = 1 << 20  # characters; what follows is cut off, which makes the row unreadable and is said so
LONGEST_RECORD = 1 << 22  # characters, about; of a record whose quoted cells hold line ends
BLOCK = 1 << 18  # characters read at a time
_ZERO, _END = 1, 2  # noted beside the lines: a zero byte in the line that comes, no line comes any more

class Text(Protocol):
    """What lines are read from."""

    def read(self, size: int, /) -> str:
        """Return so many characters, fewer at the end."""


Bad = Callable[[Quarantined], None]


class Form(NamedTuple):
    """What records look like: their delimiter, their number of cells, and the name of the file they are in."""

    delimiter: str
    width: int
    name: str


def records(text: TextIO, form: Form, bad: Bad, *, skip: int = 0, first: int = 1) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, cells) of the records under the first `skip` lines, each as wide as the header.

    `first` is the line of the file with which the text begins. Blank records are passed over, and empty cells behind
    the last one cut off; what cannot be read otherwise is given to `bad`.
    """
    zeros: list[int] = []
    before, done, above, width = 0, False, first - 1, form.width
    bounded = _Bounded(text, lambda: before)
    reader = csv.reader(chain(lines(bounded, zeros), _end(zeros)), delimiter=form.delimiter)
    while not done:
        try:
            while before < skip:
                next(reader)
                before = reader.line_num
                zeros.clear()
            for row in reader:
                line, before = above + before + 1, reader.line_num
                if len(row) == width and not zeros:
                    yield line, row
                elif fault := _fault(row, zeros, width):
                    bad(Quarantined("unreadable row", f"{form.name} line {line}", " | ".join(row)[:500], fault))
                elif row:
                    yield line, row[:width]
            done = True
        except csv.Error as error:
            last = above + reader.line_num
            place = f"line {above + before + 1}" + (f" to {last}" if reader.line_num > before + 1 else "")
            bad(Quarantined("unreadable row", f"{form.name} {place}", "", bounded.fault() or str(error)))
            before = reader.line_num
            zeros.clear()


class _Bounded:
    """A text in which no record goes on for ever: quoted cells with line ends in them would be gathered up to its end.

    Such a record is made one that the csv module refuses, by a cell beyond its limit, put where a block begins. No line
    is added by that.
    """

    def __init__(self, text: Text, line: Callable[[], int]) -> None:
        """line: the last line of the last record."""
        self._text, self._line = text, line
        self._since = self._at = 0
        self._refused = False

    def read(self, size: int) -> str:
        """Return the next characters."""
        block = self._text.read(size)
        if self._line() != self._at:
            self._at, self._since = self._line(), 0
        self._since += len(block)
        if block and self._since > LONGEST_RECORD:
            self._since, self._refused = 0, True
            return "x" * (csv.field_size_limit() + 1) + block
        return block

    def fault(self) -> str:
        """Return why the csv module refused a record, where it is for this; "" else."""
        refused, self._refused = self._refused, False
        return f"a record of more than {LONGEST_RECORD:,} characters" if refused else ""


def _end(noted: list[int]) -> Iterator[str]:
    """Yield a blank line behind the last one: it makes no record, unless a quote is open, which the csv module closes
    by itself. So a figure that was cut in its middle is not taken for a whole one.
    """
    noted.append(_END)
    yield "\n"


def header_extent(text: TextIO, delimiter: str, line: int) -> int:
    """Return how many lines the records take that begin within the first `line` lines."""
    reader = csv.reader(lines(text, []), delimiter=delimiter)
    while reader.line_num < line:
        next(reader)
    return reader.line_num


def _fault(row: list[str], zeros: list[int], width: int) -> str:
    """Say what is wrong with a row of another shape; "" for a blank one and for empty cells behind the last."""
    if _ZERO in zeros:
        zeros.clear()
        return "a zero byte in the row"
    if zeros and row:
        return "the file ends inside a quote"
    if not any(row) or (len(row) == 1 and not row[0].strip()):
        row.clear()
        return ""
    if len(row) > width and not any(row[width:]):
        return ""
    return f"{len(row)} cells under a header of {width}"


def lines(stream: Text, zeros: list[int]) -> Iterator[str]:
    """Yield lines of bounded length, read in blocks; a zero byte is noted in `zeros` before its line is yielded."""
    rest = ""
    while block := stream.read(BLOCK):
        text = rest + block
        cut = text.rfind("\n") + 1 or text.rfind("\r", 0, -1) + 1
        if cut == 0 and len(text) - text.endswith("\r") > LONGEST_LINE:
            yield from _noting_zeros(text[:LONGEST_LINE] + "\n", zeros)
            rest = _after_line(stream, text[-1:])
            continue
        rest = text[cut:]
        if "\0" in text or cut > LONGEST_LINE:
            yield from _noting_zeros(text[:cut], zeros)
        else:
            yield from io.StringIO(text[:cut], newline="")
    yield from _noting_zeros(rest, zeros)


def _noting_zeros(text: str, zeros: list[int]) -> Iterator[str]:
    for line in io.StringIO(text, newline=""):
        # Where a line is cut must not depend on where the blocks end.
        kept = line if len(line.rstrip("\r\n")) <= LONGEST_LINE else line[:LONGEST_LINE] + "\n"
        if "\0" in kept:
            zeros.append(_ZERO)
        yield kept


def _after_line(stream: Text, last: str) -> str:
    """Read on to the end of a line and return what was read of the next ones; `last`: the character before."""
    while block := stream.read(BLOCK):
        if last == "\r" and block[0] != "\n":
            return block
        cuts = [cut for cut in (block.find("\n") + 1, block.find("\r", 0, -1) + 1) if cut]
        if cuts:
            cut = min(cuts)
            return block[cut + (block[cut - 1 : cut + 1] == "\r\n") :]
        last = block[-1]
    return ""
