"""The cleaning of large tables, once for all engines: a staged piece of raw texts in, clean rows out.

Rules are applied by plain Python, once to each distinct text of a column; what is done for every row is done by numpy
on whole columns. So a figure is what rules.cleaning says, whatever engine numbers the texts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from engines import Numbered, TableEngine
from engines._arrow import (
    BLOCK,
    Array,
    Numbers,
    array_of,
    array_of_texts,
    each_of,
    numbers_of,
    rows_of,
    taken,
    texts_of,
)
from engines._fates import (
    EMPTY,
    FATES,
    GROUP,
    NO_NUMBER,
    NO_UNIT,
    NO_YEAR,
    NOT_ASKED,
    RULES,
    STAYS,
    STRANGER,
    TOO_LARGE,
)
from engines._figures import MOST_PLACES, Figures, Scaled, read, scaled
from large.model import Economies, Kind, TablePlan
from rules import cleaning
from rules.identity import UNKNOWN, Identity
from rules.records import Quarantined

MOST_RESOLVED = 200_000  # codes and names held from piece to piece: ten million unknown ones must not fill the memory
LONGEST_HELD = 200  # characters of one that is held
MOST_UNKNOWN = 50  # unknown names that are listed
_OF_GROUP, _OF_NOBODY = -1, -2  # beside the numbers of the economies


@dataclass(frozen=True)
class Cleaned:
    """What came out of one staged piece.

    table:       clean rows in the file's order: country (uint16, see large.model.Economies), year (int16, where the
                 table has years), f<index> (int64 or large_string), cents (int64, hundredths of a billion dollars,
                 rounded half up), published (float64, billions of dollars).
    balance:     rows in, out, and where the others went.
    quarantined: rows that could not be used, in the file's order; made when they are asked for, from the staged texts,
                 which stay in memory as long as this is held.
    unknown:     the first MOST_UNKNOWN different names, or codes where there is no name, that nobody knows.
    long:        how many clean rows have a figure of more than 15 digits, which `published` rounds.
    """

    table: pa.Table
    balance: Counter[str]
    quarantined: Iterable[Quarantined]
    unknown: list[str]
    long: int


class Cleaner:
    """Cleans the pieces of one file, one after another; holds which names it has resolved.

    file: its name in locators. Raises ValueError for a plan that moves figures by more places than units have.
    """

    def __init__(self, engine: TableEngine, plan: TablePlan, identity: Identity, economies: Economies,
                 file: str) -> None:
        if any(abs(kind.places) > MOST_PLACES for kind in plan.kinds):
            raise ValueError(f"a figure moves by at most {MOST_PLACES} places; the plan has {plan.kinds}")
        self.engine, self.plan, self.identity, self.file = engine, plan, identity, file
        self.kind_of = {kind[:3]: number for number, kind in enumerate(plan.kinds)}
        self._number = economies.number
        self._resolved: dict[tuple[str, str], int] = {}

    def clean(self, staged: pa.Table, first_line: int) -> Cleaned:
        """Clean a piece whose first record begins in this line of the file.

        staged: columns of texts named by their place in the header, "line" where records are not one a line. Raises
        ValueError where it is not what the plan says.
        """
        return _Piece(self, staged, first_line).cleaned()

    def resolve(self, code: str, name: str) -> int:
        """Return the number of the economy that a code and a name mean; below 0 is none."""
        pair = code, name
        found = self._resolved.get(pair)
        if found is None:
            meaning = self.identity.resolve(code, name)
            found = _OF_NOBODY if meaning == UNKNOWN else self._number.get(meaning, _OF_GROUP)
            if len(self._resolved) >= MOST_RESOLVED:
                self._resolved.clear()
            if len(code) + len(name) <= LONGEST_HELD:
                self._resolved[pair] = found
        return found


class _Pairs(NamedTuple):
    """Two columns as one: codes[row] is the place of the row's texts in `first` and in `second`."""

    codes: Array
    first: pa.Array
    second: pa.Array

    def each(self) -> Iterator[tuple[str, str]]:
        """Yield the distinct pairs."""
        return zip(each_of(self.first), each_of(self.second), strict=True)

    def pair(self, at: int) -> tuple[str, str]:
        """Return one of the distinct pairs."""
        return self.first[at].as_py(), self.second[at].as_py()


class _Piece:
    """One piece between staged and clean; arrays have a value for every row.

    place: of code and name. kind: the number of the row's kind among the plan's, -1 for one that was not asked for.
    """

    def __init__(self, cleaner: Cleaner, staged: pa.Table, first_line: int) -> None:
        self.cleaner, self.plan, self.staged, self.first_line = cleaner, cleaner.plan, staged, first_line
        self.rows = len(staged)
        code, name = ("name", "") if self.plan.place_is_code else ("code", "name")
        self.place = self._paired(self._numbered(code), self._numbered(name))
        self.country = np.fromiter((cleaner.resolve(*pair) for pair in self.place.each()),
                                   dtype=np.int16)[self.place.codes]
        self.kind = self._kinds()
        self.year = self._years()
        self.figures = self._figures()
        self.scaled = self._scaled()
        self.fate = self._fates()

    # --- columns --------------------------------------------------------------------------------------------------

    def _texts(self, role: str) -> pa.Array | None:
        """Return the staged column of a role, None where the table has none."""
        name = self.plan.staged(role) if role else ""
        return texts_of(self.staged.column(name)) if name else None

    def _numbered(self, role: str) -> Numbered:
        texts = self._texts(role)
        if texts is None:
            return Numbered(np.zeros(self.rows, dtype=np.int64), array_of_texts([""]))
        return self.cleaner.engine.numbered(texts)

    def _paired(self, one: Numbered, other: Numbered) -> _Pairs:
        width = len(other.distinct)
        if width == 1:  # a column that says the same everywhere tells nothing apart
            codes, first, second = one.codes, np.arange(len(one.distinct)), np.zeros(len(one.distinct), dtype=np.int64)
        elif len(one.distinct) == 1:
            codes, first, second = other.codes, np.zeros(width, dtype=np.int64), np.arange(width)
        else:
            both, codes = np.unique(one.codes.astype(np.int64) * width + other.codes, return_inverse=True)
            first, second = np.divmod(both, max(width, 1))
        return _Pairs(codes, taken(one.distinct, first), taken(other.distinct, second))

    # --- what the rules say ---------------------------------------------------------------------------------------

    def _kinds(self) -> Array:
        indicators, units = self._numbered("indicator"), self._numbered("unit")
        halves = self._paired(indicators, units)
        places = array_of_texts([str(at) for at in range(len(halves.first))])
        whole = self._paired(Numbered(halves.codes, places), self._numbered("scale"))
        numbers = (self._kind(*halves.pair(int(half)), scale) for half, scale in whole.each())
        return np.fromiter(numbers, dtype=np.int32)[whole.codes]

    def _kind(self, indicator: str, unit: str, scale: str) -> int:
        found = self.cleaner.kind_of.get((indicator, unit, scale), -1)
        if found < 0 and any(kind.indicator == indicator for kind in self.plan.kinds):
            raise ValueError(f"the plan does not say what {indicator!r}, {unit!r}, {scale!r} is in {self.cleaner.file}")
        return found

    def _years(self) -> Array | None:
        """Return the years, 0 for none; None where records have no year."""
        if not self.plan.has_year:
            return None
        years = self._numbered("year")
        known = (cleaning.year_of(cleaning.written_year(text)) or 0 for text in each_of(years.distinct))
        found: Array = np.fromiter(known, dtype=np.int16)[years.codes]
        return found

    def _figures(self) -> Figures:
        signed = np.array([kind.percent for kind in self.plan.kinds] + [False])  # the last one is kind -1
        percent = signed[self.kind] if signed.any() else None
        texts = self._texts("value")
        if texts is None:
            raise ValueError(f"the plan of {self.cleaner.file} has no column of figures")
        return read(self.cleaner.engine, texts, self.plan.decimal_mark, percent)

    def _scaled(self) -> Scaled:
        places = np.array([kind.places for kind in self.plan.kinds] + [0], dtype=np.int64)
        return scaled(self.figures, places[self.kind] if len(places) > 2 else places[:1])

    def _fates(self) -> Array:
        """Return for every row why it leaves, STAYS where it stays; the first reason counts."""
        faulty = np.array([bool(kind.fault) for kind in self.plan.kinds] + [False])
        fate = np.zeros(self.rows, dtype=np.uint8)
        reasons = {
            NOT_ASKED: self.kind < 0,
            GROUP: self.country == _OF_GROUP,
            STRANGER: self.country == _OF_NOBODY,
            EMPTY: self.figures.empty,
            NO_NUMBER: self.figures.faulty,
            NO_YEAR: self.year == 0 if self.year is not None else None,
            NO_UNIT: faulty[self.kind] if faulty.any() else None,
            TOO_LARGE: self.scaled.too_large,
        }
        for reason, rows in reversed(reasons.items()):
            if rows is not None and rows.any():
                fate[rows] = reason
        return fate

    # --- what comes out -------------------------------------------------------------------------------------------

    def cleaned(self) -> Cleaned:
        """Return the outcome."""
        counts = np.bincount(self.fate, minlength=len(FATES)).tolist()
        balance: Counter[str] = Counter({"in": self.rows, "out": 0})
        for fate, count in enumerate(counts):
            if count:
                balance[FATES[fate]] += count
        stays = None if counts[STAYS] == self.rows else np.flatnonzero(self.fate == STAYS)
        long = int(self.scaled.long[self.fate == STAYS].sum()) if self.scaled.long is not None else 0
        quarantine = _Quarantine(self) if sum(counts[fate] for fate in RULES) else ()
        return Cleaned(self._table(stays), balance, quarantine, self._unknown(), long)

    def _table(self, stays: Numbers | None) -> pa.Table:
        figures = {"cents": self.scaled.cents, "published": self.scaled.published}
        columns = {"country": array_of(self.country.astype(np.uint16))}
        if self.year is not None:
            columns["year"] = array_of(self.year)
        for further in self.plan.further:
            texts = texts_of(self.staged.column(str(further.index)))
            if further.integer and stays is not None:
                texts = texts.take(array_of(stays))
            columns[further.field] = self._integers(texts) if further.integer else texts
        columns |= {name: array_of(numbers) for name, numbers in figures.items()}
        if stays is None:
            return pa.table(columns)
        integers = {further.field for further in self.plan.further if further.integer}
        return pa.table({name: column if name in integers else taken(column, stays)
                         for name, column in columns.items()})

    def _integers(self, texts: pa.Array) -> pa.Array:
        """Return texts that are canonical integers as int64."""
        try:
            if not _may_be_canonical(texts):
                raise ValueError("not canonical")
            return texts.cast(pa.int64())
        except ValueError as error:  # pa.ArrowInvalid is one
            raise ValueError(f"a column of {self.cleaner.file} was said to hold integers and holds other texts: "
                             f"{error}") from error

    def _unknown(self) -> list[str]:
        codes = self.place.codes[self.fate == STRANGER]
        if not len(codes):
            return []
        distinct, first = np.unique(codes, return_index=True)
        found: dict[str, None] = {}
        for at in distinct[np.argsort(first)].tolist():
            code, name = self.place.pair(at)
            found.setdefault(name or code)
            if len(found) == MOST_UNKNOWN:
                break
        return list(found)


def _may_be_canonical(texts: pa.Array) -> bool:
    """Tell whether texts that Arrow reads as integers, which knows no plus, are without leading zeros and "-0"."""
    if not len(texts):
        return True
    ends = np.frombuffer(texts.buffers()[1], dtype=np.int64, count=len(texts) + 1, offset=texts.offset * 8)
    begins, lengths = ends[:-1], np.diff(ends)
    if not lengths.all():
        return False
    signs = np.frombuffer(texts.buffers()[2], dtype=np.uint8)
    zero = signs[begins] == ord("0")
    if (zero & (lengths > 1)).any():
        return False
    negative = np.flatnonzero(signs[begins] == ord("-"))
    return not len(negative) or bool((lengths[negative] > 1).all() and (signs[begins[negative] + 1] > ord("0")).all())


class _Quarantine:
    """The rows of a piece that could not be used; each time it is gone through the texts are read again."""

    def __init__(self, piece: _Piece) -> None:
        self.fate, self.place, self.kind, self.plan = piece.fate, piece.place, piece.kind, piece.plan
        self.cleaner, self.first_line = piece.cleaner, piece.first_line
        wanted = {name: piece.staged.column(name) for name in ("line", self.plan.staged("year"),
                                                               self.plan.staged("value"))
                  if name in piece.staged.column_names}
        self.staged = pa.table(wanted)
        self.explain = lru_cache(maxsize=BLOCK)(partial(self.cleaner.identity.explain, suggest=False))

    def __iter__(self) -> Iterator[Quarantined]:
        rows = np.flatnonzero(np.isin(self.fate, list(RULES)))
        for begin in range(0, len(rows), BLOCK):
            yield from self._block(rows[begin:begin + BLOCK])

    def _block(self, rows: Numbers) -> Iterator[Quarantined]:
        texts = rows_of(self.staged, rows)
        raws = texts.column(self.plan.staged("value")).to_pylist()
        years = texts.column(self.plan.staged("year")).to_pylist() if self.plan.has_year else [""] * len(rows)
        lines = numbers_of(texts.column("line")) if "line" in texts.column_names else rows + self.first_line
        places = self.place.codes[rows]
        codes, names = (taken(column, places).to_pylist() for column in (self.place.first, self.place.second))
        columns = (self.fate[rows].tolist(), lines.tolist(), raws, years, zip(codes, names, strict=True),
                   self.kind[rows].tolist())
        for fate, line, raw, year, place, kind in zip(*columns, strict=True):
            locator = f"{self.cleaner.file} line {line}" + (f", column {year}" if self.plan.wide else "")
            detail = self._detail(fate, raw, year, place, self.plan.kinds[kind])
            yield Quarantined(RULES[fate], locator, raw, detail)

    def _detail(self, fate: int, raw: str, year: str, place: Sequence[str], kind: Kind) -> str:
        """Return why a row cannot be used, as a sentence."""
        shown = repr(raw[:cleaning.SHOWN])
        if fate == STRANGER:
            return self.explain(*place)
        if fate == NO_NUMBER:
            return f"{shown} {cleaning.parse_number(raw, self.plan.decimal_mark, percent=kind.percent).fault}"
        if fate == NO_YEAR:
            return f"{cleaning.written_year(year)[:cleaning.SHOWN]!r} is no year"
        return kind.fault if fate == NO_UNIT else f"{shown} is too large for a GDP"
