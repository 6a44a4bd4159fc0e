"""Columns as numbered values: each text of a column once, and a number in every row that says which it is.

A rule is applied to the distinct values only, and rows are compared and sorted by numbers. Values are plain Python
objects, so that results and speed are the same whether or not pyarrow is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import pandas as pd

Numbers = np.ndarray[Any, np.dtype[np.int64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]
Objects = np.ndarray[Any, np.dtype[np.object_]]
T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class Column(Generic[T]):
    """A column of a table: codes[row] is the place of the row's value in `distinct`."""

    codes: Numbers
    distinct: list[T]

    def mapped(self, rule: Callable[[T], U]) -> Column[U]:
        """Apply a rule once to each distinct value; results that are equal stay apart."""
        return Column(self.codes, [rule(value) for value in self.distinct])

    def flags(self, test: Callable[[T], bool]) -> Flags:
        """Tell for every row whether its value passes the test."""
        return np.array([test(value) for value in self.distinct], dtype=bool)[self.codes]

    def of(self, rows: Numbers) -> list[T]:
        """Return the values of some rows."""
        found: list[T] = objects(self.distinct)[self.codes[rows]].tolist()
        return found


def merged(column: Column[T]) -> Column[T]:
    """Return the column with equal values numbered as one; values must be hashable."""
    place = {value: at for at, value in enumerate(dict.fromkeys(column.distinct))}
    codes = np.array([place[value] for value in column.distinct], dtype=np.int64)[column.codes]
    return Column(codes, list(place))


def objects(values: Sequence[Any]) -> Objects:
    """Return values as an array of Python objects, also where they are sequences."""
    return np.fromiter(values, dtype=object, count=len(values))


def ranks(column: Column[str]) -> Numbers:
    """Return for every row the place of its text among the sorted texts of the column; equal ones share a place."""
    place = {text: rank for rank, text in enumerate(sorted(set(column.distinct)))}
    return np.array([place[text] for text in column.distinct], dtype=np.int64)[column.codes]


def numbered(texts: Objects) -> Column[str]:
    """Number the texts of a column in the order in which they first appear."""
    codes, distinct = pd.factorize(texts)
    return Column(codes.astype(np.int64, copy=False), list(distinct))


def paired(one: Column[T], other: Column[U]) -> Column[tuple[T, U]]:
    """Return the column of the pairs of two columns' values."""
    codes, first, second = crossed(one, other)
    pairs = [(one.distinct[a], other.distinct[b]) for a, b in zip(first.tolist(), second.tolist(), strict=True)]
    return Column(codes, pairs)


def crossed(one: Column[T], other: Column[U]) -> tuple[Numbers, Numbers, Numbers]:
    """Return the numbers of the pairs of two columns' values, and of each pair the places of both in `distinct`."""
    width = len(other.distinct)
    if width == 1:  # a column that says the same everywhere tells nothing apart
        return one.codes, np.arange(len(one.distinct)), np.zeros(len(one.distinct), dtype=np.int64)
    codes, distinct = pd.factorize(one.codes * max(width, 1) + other.codes)
    first, second = np.divmod(distinct, max(width, 1))
    return codes.astype(np.int64, copy=False), first, second
