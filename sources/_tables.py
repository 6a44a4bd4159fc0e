"""Rows of a user's table, streamed: what the formats have in common, CSV and its kin, JSON Lines."""

from __future__ import annotations

import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from operator import itemgetter
from typing import ClassVar

from pipeline.documents import RawDocument
from pipeline.errors import SourceNonsense, UsageError
from rules.indicators import INDICATORS, canonical
from rules.records import Quarantined
from sources._columns import Columns, Unclear
from sources._csv_rows import Bad, Form, header_extent, lines, records
from sources._marks import Marks
from sources._text import HEAD, Decimals, encoding_of, text_stream
from sources._unpack import open_unpacked

HEADER_WITHIN = 20  # lines from the top; the World Bank's bulk files have four before the header
ROWS = 1000  # rows made into columns at a time
MOST_KEYS = 200_000  # different (vintage, indicator, year, unit, scale)
JSON_HEAD = 1000  # lines whose keys make the header
DELIMITERS = ",;\t|"
SAFE = "nothing was changed"

Where = Sequence[tuple[int, frozenset[str]]]
Block = tuple[Sequence[int], Sequence[Sequence[str]]]  # line numbers; the cells, a sequence a column of the header
Recogniser = Callable[[Sequence[str]], Columns]


@dataclass
class Survey:
    """What one look over a table found.

    keys:     the different (vintage, indicator, year, unit, scale), as texts, "" where there is no such column.
    places:   some cells of the column that names the economy.
    decimals: indicator -> decimals, for formats whose numbers lose their trailing zeros.
    """

    keys: set[tuple[str, ...]] = field(default_factory=set)
    places: set[str] = field(default_factory=set)
    marks: Marks = field(default_factory=Marks)
    decimals: dict[str, int] = field(default_factory=dict)


class Table(ABC):
    """A table whose rows can be read again and again, each time from the start, in bounded memory."""

    columns: Columns
    word: ClassVar[str] = "line"

    @abstractmethod
    def survey(self, asked: frozenset[str] | None) -> Survey:
        """Look at all rows once; `asked` are the canonical indicators whose decimals matter, None for all."""

    @abstractmethod
    def blocks(self, where: Where, skipped: list[int], bad: Bad) -> Iterator[Block]:
        """Yield the rows whose cells are in the sets of `where`, in the file's order, some at a time, by columns.

        By columns, because what is then done with them costs a third of what it costs row by row. A row that fails the
        n-th condition adds one to skipped[n]; an unreadable one is given to `bad`.
        """


class TextTable(Table):
    """A table of lines."""

    loses_zeros: ClassVar[bool] = False

    def __init__(self, document: RawDocument, name: str) -> None:
        self.document, self.name = document, name
        with open_unpacked(document, name) as stream:
            self.head = stream.read(HEAD)

    @abstractmethod
    def _records(self, bad: Bad) -> Iterator[tuple[int, Sequence[str]]]:
        """Yield (line, cells) of all rows under the header, each as wide as the header."""

    def _text(self) -> io.TextIOWrapper:
        return text_stream(open_unpacked(self.document, self.name), self.head)

    def survey(self, asked: frozenset[str] | None) -> Survey:
        """Look at all rows once. Raises UsageError for more vintages, indicators and years than a table can have."""
        found = Survey()
        at = self.columns
        parts = (at.vintage, at.indicator, at.year, at.unit, at.scale)
        present = [index for index in parts if index >= 0]
        key_of = itemgetter(*present) if present else lambda _: ()
        decimals = Decimals(found.decimals) if self.loses_zeros else None
        keys: set[tuple[str, ...] | str] = set()
        marks, values, place = found.marks, at.values, max(at.name, at.code)
        for _, row in self._records(_ignore):
            keys.add(key_of(row))
            for index in values:
                cell = row[index]
                if "," in cell or (marks.open_question and "." in cell):
                    marks.see(cell)
                if decimals:
                    _see(decimals, row[at.indicator] if at.indicator >= 0 else "", cell, asked)
            if len(keys) > MOST_KEYS:
                raise too_many(self.name)
            if len(found.places) < 200:
                found.places.add(row[place])
        for key in keys:
            texts = iter((key,) if isinstance(key, str) else key)
            found.keys.add(tuple(next(texts) if index >= 0 else "" for index in parts))
        return found

    def blocks(self, where: Where, skipped: list[int], bad: Bad) -> Iterator[Block]:
        """Yield the rows that meet all conditions, ROWS at a time."""
        rows = self._rows(where, skipped, bad)
        while block := list(islice(rows, ROWS)):
            lines, cells = zip(*block, strict=True)
            yield lines, tuple(zip(*cells, strict=True))

    def _rows(self, where: Where, skipped: list[int], bad: Bad) -> Iterator[tuple[int, Sequence[str]]]:
        if not where:
            yield from self._records(bad)
            return
        (first, among), *others = where  # most rows of a file of many vintages end at the first condition
        for line, row in self._records(bad):
            if row[first] not in among:
                skipped[0] += 1
                continue
            for number, (index, allowed) in enumerate(others, 1):
                if row[index] not in allowed:
                    skipped[number] += 1
                    break
            else:
                yield line, row


class Delimited(TextTable):
    """CSV, TSV and their kin, in any encoding; the delimiter is the one under which the header is recognised."""

    def __init__(self, document: RawDocument, name: str, recogniser: Recogniser) -> None:
        super().__init__(document, name)
        with self._text() as stream:
            top = [line for line, _ in zip(lines(stream, []), range(HEADER_WITHIN), strict=False)]
        if not any(line.strip() for line in top):
            raise SourceNonsense(f"{name} is empty", where=name, safe=SAFE, next_command=f"ls -l {name}")
        self.delimiter, self.header_ends, self.width = "", 0, 0
        self.header: list[str] = []
        unclear = [each for each in (self._try(top, mark, recogniser) for mark in DELIMITERS) if each]
        if not self.delimiter:
            raise no_header(name, *max(unclear, key=lambda each: (each[0].found, len(each[1]))))

    def _try(self, top: list[str], delimiter: str, recogniser: Recogniser) -> tuple[Unclear, list[str]] | None:
        """Look for the header under one delimiter; return the nearest miss where there is none."""
        if self.delimiter:
            return None
        best: tuple[Unclear, list[str]] | None = None
        reader = csv.reader(top, delimiter=delimiter)
        try:
            for cells in reader:
                try:
                    self.columns = recogniser(cells)
                except Unclear as error:
                    if best is None or (error.found, len(cells)) > (best[0].found, len(best[1])):
                        best = (error, cells)
                    continue
                self.delimiter, self.header_ends, self.width = delimiter, reader.line_num, len(cells)
                self.header = cells
                return None
        except csv.Error as error:
            return best or (Unclear(str(error), 0, ""), [])
        return best

    def _records(self, bad: Bad) -> Iterator[tuple[int, Sequence[str]]]:
        with self._text() as stream:
            yield from records(stream, Form(self.delimiter, self.width, self.name), bad, skip=self.header_ends)

    @property
    def encoding(self) -> str:
        """The encoding of the text, told by its first MiB."""
        return encoding_of(self.head, whole=len(self.head) < HEAD)

    def header_lines(self) -> int:
        """Return how many lines stand before the first record."""
        with self._text() as stream:
            return header_extent(stream, self.delimiter, self.header_ends)

    def top(self, count: int) -> str:
        """Return the first lines of the text, their ends included."""
        with self._text() as stream:
            return "".join(islice(lines(stream, []), count))


class JsonLines(TextTable):
    """One JSON object a line; numbers keep the text they are written with."""

    loses_zeros = True

    def __init__(self, document: RawDocument, name: str, recogniser: Recogniser) -> None:
        super().__init__(document, name)
        self.header: list[str] = []
        keys: dict[str, None] = {}
        for number, (_, found) in enumerate(self._objects(_ignore)):
            keys.update(dict.fromkeys(found))
            if number >= JSON_HEAD or len(keys) > 1000:
                break
        if not keys:
            raise SourceNonsense(f"{name} holds no JSON object, one a line", where=name, safe=SAFE,
                                 next_command=f"head -3 {name}")
        self.header = list(keys)
        try:
            self.columns = recogniser(self.header)
        except Unclear as error:
            raise no_header(name, error, self.header) from error

    def _objects(self, bad: Bad) -> Iterator[tuple[int, dict[str, object]]]:
        zeros: list[int] = []
        # One decoder for all lines: json.loads with these options makes a new one for each, which takes twice as long.
        decode = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str).decode
        with self._text() as stream:
            for number, line in enumerate(lines(stream, zeros), 1):
                if not line.strip():
                    continue
                try:
                    found = decode(line)
                    if not isinstance(found, dict):
                        raise ValueError("no JSON object")
                    if "\\u" in line:
                        _refuse_escapes(found)
                except (ValueError, RecursionError) as error:
                    bad(Quarantined("unreadable row", f"{self.name} line {number}", line[:500].strip(), str(error)))
                    continue
                yield number, found

    def _records(self, bad: Bad) -> Iterator[tuple[int, Sequence[str]]]:
        width = len(self.header)
        keys = [(index, self.header[index]) for index in self.columns.used]
        for number, found in self._objects(bad):
            row, nested = [""] * width, False
            for index, key in keys:
                value = found.get(key, "")
                row[index] = value if isinstance(value, str) else _as_text(value)
                nested = nested or isinstance(value, list | dict)
            if nested:
                bad(Quarantined("unreadable row", f"{self.name} line {number}", str(found)[:500],
                                "a list or an object where a text or a number belongs"))
                continue
            yield number, row


def _refuse_escapes(found: Mapping[str, object]) -> None:
    """Raise ValueError where an escape stands for a zero byte or half of a surrogate pair, which files cannot hold."""
    for each in (*found, *found.values()):
        if isinstance(each, str):
            each.encode()
            if "\0" in each:
                raise ValueError("a zero byte in the row")


def _as_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


@lru_cache(maxsize=4096)
def indicator_of(text: str) -> str:
    """Return the indicator that a cell names: one of ours in any case and by the World Bank's code, else as written."""
    code = text.strip()
    upper = canonical(code.upper())
    return upper if upper in INDICATORS else canonical(code)


def _see(decimals: Decimals, code: str, cell: str, asked: frozenset[str] | None) -> None:
    if cell.replace(".", "").removeprefix("-").isdigit():
        indicator = indicator_of(code)
        if not indicator or asked is None or indicator in asked:
            decimals.see(indicator, cell)


def _ignore(_: Quarantined) -> None:
    """Leave an unreadable row to the pass that yields rows."""


def too_many(name: str) -> UsageError:
    """Return the error for a table whose years, indicators and vintages are no such things."""
    return UsageError(f"{name} has more than {MOST_KEYS:,} different years, indicators and vintages; one of the "
                      "columns taken for them is something else", where=name, safe=SAFE,
                      next_command=f"python extract.py --source table --input {name} "
                                   "--columns country=COLUMN,year=COLUMN,value=COLUMN")


def no_header(name: str, error: Unclear, cells: Sequence[str]) -> UsageError:
    """Return the error for a table whose columns are not recognised, with the --columns to type."""
    seen = ", ".join(each.strip()[:40] for each in cells[:30] if each.strip()) or "none"
    option = error.option or '"country=COLUMN,year=COLUMN,value=COLUMN"'
    return UsageError(f"{name}: {error}. Its columns are: {seen}", where=name, safe=SAFE,
                      next_command=f"python extract.py --source table --input {name} --columns {option}")
