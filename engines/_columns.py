"""Columns as numbered values: each text of a column once, and a number in every row that says which it is.

A rule is applied to the distinct values only, and rows are compared and sorted by numbers. Values are plain Python
objects, so that results and speed are the same whether or not pyarrow is installed.
"""

from __future__ import annotations

from collections.abc import Callable
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
        values = np.fromiter(self.distinct, dtype=object, count=len(self.distinct))
        found: list[T] = values[self.codes[rows]].tolist()
        return found


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
    width = max(len(other.distinct), 1)
    codes, distinct = pd.factorize(one.codes * width + other.codes)
    first, second = (numbers.tolist() for numbers in np.divmod(distinct, width))
    pairs = [(one.distinct[a], other.distinct[b]) for a, b in zip(first, second, strict=True)]
    return Column(codes.astype(np.int64, copy=False), pairs)
