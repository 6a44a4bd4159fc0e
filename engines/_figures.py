"""The column of figures of a large table: texts -> exact decimals -> cents and doubles, once for all engines.

A figure of at most 15 digits is an integer and a number of decimals, and all that is done with it is exact in 64 bits.
A longer one is moved and rounded by rules.cleaning.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from engines import TableEngine
from engines._arrow import Array, Numbers, array_of, each_of
from large.model import MOST_CENTS
from rules import cleaning

Flags = np.ndarray[Any, np.dtype[np.bool_]]

MOST_PLACES = 9  # that a figure is moved by: dollars are -9
_MOST_DECIMALS = 13  # with MOST_PLACES 22, the largest power of ten that a double holds exactly
_SHORT = 10**15  # below it an integer has 15 digits at most
_FIGURE, _EMPTY, _FAULT, _LONG = range(4)
_TENS = 10 ** np.arange(17, dtype=np.int64)
_DOUBLE_TENS = np.array([float(10**power) for power in range(23)])


class Figures(NamedTuple):
    """Figures of a column, a value a row: digits / 10**decimals in the unit of the cell.

    empty: the cell says that there is no figure. faulty: it is none. Figures that digits and decimals do not hold, of
    rows[at], are texts[text_at[at]], canonical.
    """

    digits: Numbers
    decimals: Array
    empty: Flags | None = None
    faulty: Flags | None = None
    rows: Numbers = np.empty(0, dtype=np.int64)
    text_at: Numbers = np.empty(0, dtype=np.int64)
    texts: list[str] = []  # noqa: RUF012  never changed


class Scaled(NamedTuple):
    """Figures in billions of dollars, a value a row; 0 where there is none.

    cents: hundredths, rounded half up. published: the double nearest to the figure. too_large: it has MOST_CENTS or
    more. long: it has more than 15 digits.
    """

    cents: Numbers
    published: Array
    too_large: Flags | None
    long: Flags | None


# --- reading ------------------------------------------------------------------------------------------------------


class _Distinct:
    """The distinct texts of a column as they are read, one after another; that at place long_at[n] is long[n]."""

    def __init__(self, mark: str) -> None:
        self.mark = mark
        self.long_at: list[int] = []
        self.long: list[str] = []
        self.parts: list[Numbers] = []

    def read(self, texts: Iterable[str], first: int, *, percent: bool = False) -> None:
        """Read texts, the first of which has this place."""
        flat = (part for at, text in enumerate(texts, first) for part in self._parts(text, at, percent))
        self.parts.append(np.fromiter(flat, dtype=np.int64).reshape(-1, 3))

    def _parts(self, text: str, at: int, percent: bool) -> tuple[int, int, int]:
        """Return state, digits and decimals of a figure."""
        number = cleaning.parse_number(text, self.mark, percent=percent)
        if number.fault or not number.text:
            return (_FAULT if number.fault else _EMPTY), 0, 0
        whole, _, fraction = number.text.partition(".")
        digits = int(whole + fraction)
        if abs(digits) >= _SHORT or len(fraction) > _MOST_DECIMALS:
            self.long_at.append(at)
            self.long.append(number.text)
            return _LONG, 0, 0
        return _FIGURE, digits, len(fraction)

    def of(self, codes: Array) -> Figures:
        """Return the figures of rows, of which each has the text of this place."""
        states, digits, decimals = np.concatenate(self.parts).T
        state = states[codes]
        rows = np.flatnonzero(state == _LONG)
        numbers = np.zeros(len(states), dtype=np.int64)
        numbers[self.long_at] = np.arange(len(self.long))
        return Figures(digits[codes], decimals[codes], state == _EMPTY, state == _FAULT, rows, numbers[codes[rows]],
                       self.long)


def read(engine: TableEngine, texts: pa.Array, mark: str, percent: Flags | None) -> Figures:
    """Read a column of figures. mark: the decimal mark. percent: whether the row's unit is percent, None: nowhere."""
    plain = engine.plain(texts) if mark == "." else None
    if plain is None:
        return _by_text(engine, texts, mark, percent)
    rows = np.flatnonzero(~plain.read)
    if not len(rows):
        return Figures(plain.digits, plain.decimals)
    rest = _by_text(engine, texts.take(array_of(rows)), mark, None if percent is None else percent[rows])
    plain.digits[rows], plain.decimals[rows] = rest.digits, rest.decimals
    empty, faulty = np.zeros(len(texts), dtype=bool), np.zeros(len(texts), dtype=bool)
    empty[rows], faulty[rows] = rest.empty, rest.faulty
    return Figures(plain.digits, plain.decimals, empty, faulty, rows[rest.rows], rest.text_at, rest.texts)


def _by_text(engine: TableEngine, texts: pa.Array, mark: str, percent: Flags | None) -> Figures:
    """Read each distinct text once, and once more as a percentage where it has the sign and rows are in percent."""
    codes, distinct = engine.numbered(texts)
    found = _Distinct(mark)
    found.read(each_of(distinct), 0)
    if percent is not None and percent.any():
        signed = np.fromiter((at for at, text in enumerate(each_of(distinct)) if "%" in text), dtype=np.int64)
        again = np.arange(len(distinct), dtype=np.int64)
        again[signed] = len(distinct) + np.arange(len(signed))
        found.read(each_of(distinct.take(array_of(signed))), len(distinct), percent=True)
        codes = np.where(percent, again[codes], codes)
    return found.of(codes)


# --- moving and rounding ------------------------------------------------------------------------------------------


def scaled(figures: Figures, places: Numbers) -> Scaled:
    """Return the figures moved by so many places (-MOST_PLACES to MOST_PLACES; one for all rows, or a row each)."""
    digits = figures.digits
    power = places - (figures.decimals if figures.decimals.any() else 0)  # published = digits * 10**power
    up, down = np.clip(power, 0, 22), np.clip(-power, 0, 22)
    published = digits * _DOUBLE_TENS[up] / _DOUBLE_TENS[down]  # one of the two is 1: rounded once
    too_large: Flags | None = np.abs(digits) * _DOUBLE_TENS[np.clip(power + 2, 0, 16)] >= MOST_CENTS
    if too_large is not None and not too_large.any():
        too_large = None
    cents = _cents(digits if too_large is None else np.where(too_large, 0, digits), power + 2)
    if not len(figures.rows):
        return Scaled(cents, published, too_large, None)
    return _with_long(figures, places, Scaled(cents, published, too_large, None))


def _cents(digits: Numbers, power: Array) -> Numbers:
    """Return digits times 10**power, rounded half up away from zero; below 10**15 whatever 16 digits are cut off."""
    size: Numbers = np.abs(digits) * _TENS[np.clip(power, 0, 16)]
    if (power < 0).any():
        unit = _TENS[np.clip(-power, 0, 16)]
        size = (size + unit // 2) // unit
    return np.where(digits < 0, -size, size) if (digits < 0).any() else size


def _with_long(figures: Figures, places: Numbers, short: Scaled) -> Scaled:
    """Return the figures with those that are exact as text only; each distinct one is moved once."""
    count = len(short.cents)
    cents, published = short.cents.copy(), short.published.copy()
    too_large = np.zeros(count, dtype=bool) if short.too_large is None else short.too_large
    long = np.zeros(count, dtype=bool)
    moved = np.broadcast_to(places, count)[figures.rows]
    pairs, at = np.unique(figures.text_at * 100 + moved + 50, return_inverse=True)
    kind = [("cents", np.int64), ("published", np.float64), ("too_large", bool), ("long", bool)]
    found = np.fromiter((_exactly(figures.texts[pair // 100], pair % 100 - 50) for pair in map(int, pairs)), dtype=kind)
    for name, column in zip(found.dtype.names or (), (cents, published, too_large, long), strict=True):
        column[figures.rows] = found[name][at]
    return Scaled(cents, published, too_large, long)


def _exactly(text: str, places: int) -> tuple[int, float, bool, bool]:
    """Return cents, billions, whether it is too large and whether it is long, of a canonical text."""
    cents = int(cleaning.half_up(cleaning.shifted(text, places + 2), 0))
    long = len(text.replace(".", "").strip("-0")) > 15
    if abs(cents) >= MOST_CENTS:
        return 0, 0.0, True, long
    return cents, float(cleaning.shifted(text, places)), False, long
