"""Clean rows by key and by order, once for all engines: columns packed into 64 bits, with the row's number below them.

numpy sorts 64-bit integers with the widest instructions that the processor has, ten times as fast as it finds an order
of several columns. That sort is not stable; the row's number makes it so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from engines import Kept
from engines._arrow import Array, Numbers, is_text, numbers_of, rows_of, texts_of
from large.model import Economies

Flags = np.ndarray[Any, np.dtype[np.bool_]]
Bits = np.ndarray[Any, np.dtype[np.uint64]]
WORD = 64


class Sorted(NamedTuple):
    """rows: the numbers of the rows in their order. new: whether the row there differs from the one before it."""

    rows: Numbers
    new: Flags


class _Field(NamedTuple):
    """A column of numbers from 0 up, and how many bits they need."""

    values: Bits
    bits: int


def keep_last(table: pa.Table, key: Sequence[str], number: Callable[[pa.Array], Array]) -> Kept:
    """See engines.TableEngine; number: texts -> numbers that are equal where the texts are."""
    if not len(table):
        return Kept(table, 0, 0)
    columns = [_numbers(table, name, number) for name in key] or [np.zeros(len(table), dtype=np.int64)]
    rows, new = sort(columns)
    last = np.append(new[1:], True)
    if last.all():
        return Kept(table, 0, 0)
    doubled = np.flatnonzero(~(new & last))
    figures = numbers_of(table.column("published"))[rows[doubled]].view(np.int64)
    different = int(sort([np.cumsum(new[doubled]), figures]).new.sum())
    kept = np.sort(rows[last])
    return Kept(rows_of(table, kept), len(doubled) - different, different - int(new[doubled].sum()))


def ordered(table: pa.Table, economies: Economies, dimensions: Sequence[str],
            rank: Callable[[pa.Array], Array]) -> pa.Table:
    """See engines.TableEngine; rank: texts -> numbers that sort as the texts do."""
    if not len(table):
        return table
    region = np.array(economies.region, dtype=np.int64)[numbers_of(table.column("country"))]
    columns = [region, -numbers_of(table.column("cents")), *(_numbers(table, name, rank) for name in dimensions)]
    return rows_of(table, sort(columns).rows)


def _numbers(table: pa.Table, name: str, number: Callable[[pa.Array], Array]) -> Array:
    column = table.column(name)
    return number(texts_of(column)) if is_text(column) else numbers_of(column)


def sort(columns: Sequence[Array]) -> Sorted:
    """Sort the rows of some integer columns, the first column first, equal rows as they came.

    As many columns as fit are sorted at once, and rows that are equal in these by the rest.
    """
    return _sorted([_field(column) for column in columns], len(columns[0]))


def _field(column: Array) -> _Field:
    numbers = column.astype(np.int64, copy=False)
    least, most = int(numbers.min()), int(numbers.max())
    # Unsigned numbers wrap around, so that a difference past the largest int64 is right too.
    return _Field(numbers.view(np.uint64) - np.uint64(least % (1 << WORD)), (most - least).bit_length())


def _sorted(fields: Sequence[_Field], count: int) -> Sorted:
    below = np.uint64((count - 1).bit_length())
    packed, left = _packed(fields, WORD - int(below), count)
    packed <<= below
    packed |= np.arange(count, dtype=np.uint64)
    packed.sort()
    rows = (packed & np.uint64((1 << int(below)) - 1)).view(np.int64)
    packed >>= below
    new = np.ones(count, dtype=bool)
    np.not_equal(packed[1:], packed[:-1], out=new[1:])
    del packed
    tied = np.flatnonzero(~(new & np.append(new[1:], True))) if left else ()
    if len(tied):
        _break_ties(rows, new, np.asarray(tied), left)
    return Sorted(rows, new)


def _packed(fields: Sequence[_Field], room: int, count: int) -> tuple[Bits, list[_Field]]:
    """Return the first fields, and part of the next one, in so many bits, and what did not find room."""
    packed = np.zeros(count, dtype=np.uint64)
    left = []
    for values, bits in fields:
        taken = min(bits, room)
        rest = np.uint64(bits - taken)
        if taken:
            packed <<= np.uint64(taken)
            packed |= values >> rest
        if rest:
            left.append(_Field(values & np.uint64((1 << int(rest)) - 1), int(rest)))
        room -= taken
    return packed, left


def _break_ties(rows: Numbers, new: Flags, tied: Numbers, left: Sequence[_Field]) -> None:
    """Sort the rows at the places `tied`, equal so far to a neighbour, by what is left; rows and new are changed."""
    group = _field(np.cumsum(new[tied]))
    own = rows[tied]
    inner = _sorted([group, *(_Field(values[own], bits) for values, bits in left)], len(tied))
    rows[tied] = own[inner.rows]
    new[tied] = inner.new
