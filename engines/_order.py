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
    """Sort by rounds: by as many bits as fit, then, as long as rows tie, these by the next bits.

    A loop and not a recursion: rows that are equal in all of a thousand columns tie in as many rounds.
    """
    rows, new, left = _round([field for field in fields if field.bits], np.zeros(count, dtype=np.uint64), WORD, None)
    tied = _tied(new) if left else np.empty(0, dtype=np.int64)
    while left and len(tied):
        own, group = rows[tied], _field(np.cumsum(new[tied]))
        inner, new_inside, left = _round(left, group.values, WORD - group.bits, own)
        rows[tied], new[tied] = own[inner], new_inside
        tied = tied[_tied(new_inside)]
    return Sorted(rows, new)


def _round(fields: Sequence[_Field], packed: Bits, room: int, own: Numbers | None
           ) -> tuple[Numbers, Flags, Sequence[_Field]]:
    """Sort by what is packed already and the first bits of the fields; returns what did not find room, too.

    room: bits left in `packed`, which is changed. own: the rows that are sorted, of which the fields hold more; None:
    all, in their order.
    """
    count = len(packed)
    below = np.uint64((count - 1).bit_length())
    left = _pack(fields, packed, room - int(below), own)
    packed <<= below
    packed |= np.arange(count, dtype=np.uint64)
    packed.sort()
    rows = (packed & np.uint64((1 << int(below)) - 1)).view(np.int64)
    packed >>= below
    new = np.ones(count, dtype=bool)
    np.not_equal(packed[1:], packed[:-1], out=new[1:])
    return rows, new, left


def _pack(fields: Sequence[_Field], packed: Bits, room: int, own: Numbers | None) -> Sequence[_Field]:
    """Put the first fields, and part of the next one, behind what is packed; returns what did not find room.

    Of a field that is left in part the upper bits stay where they are, and are passed over the next time.
    """
    for at, (values, bits) in enumerate(fields):
        taken = min(bits, room)
        if taken:
            some = values if own is None else values[own] & np.uint64((1 << bits) - 1)
            packed <<= np.uint64(taken)
            packed |= some >> np.uint64(bits - taken)
            room -= taken
        if taken < bits:
            return [_Field(values, bits - taken), *fields[at + 1:]]
    return []


def _tied(new: Flags) -> Numbers:
    """Return the places of rows that are equal to a neighbour."""
    return np.flatnonzero(~(new & np.append(new[1:], True)))
