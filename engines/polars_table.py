"""The engine of large tables: polars numbers, ranks and reads the texts of a column, on the threads it was given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import pyarrow as pa

from engines import Kept, Numbered, Plain, _order
from engines._arrow import Array, numbers_of, texts_of
from large.model import Economies
from rules.cleaning import PLAIN_LENGTH, PLAIN_SHAPE

_SHAPE = f"^(?:{PLAIN_SHAPE})$"  # "$" is the very end in polars' dialect


class Engine:
    """See engines.TableEngine."""

    def numbered(self, texts: pa.Array) -> Numbered:
        """Number the distinct texts of a column, in any order."""
        # Categories of their own: the common ones would hold every text that any column ever had.
        found = _series(texts).cast(pl.Categorical(pl.Categories.random())).to_arrow()
        return Numbered(numbers_of(found.indices), texts_of(found.dictionary))

    def ranked(self, texts: pa.Array) -> Array:
        """Return numbers that sort as the texts do."""
        series = _series(texts)
        distinct = series.unique().sort()
        places = pl.int_range(len(distinct), dtype=pl.Int64, eager=True)
        return series.replace_strict(distinct, places, return_dtype=pl.Int64).to_numpy()

    def plain(self, texts: pa.Array) -> Plain | None:
        """Return the figures whose texts are plain."""
        series = _series(texts)
        length = series.str.len_bytes()
        read = series.str.contains(_SHAPE) & (length <= PLAIN_LENGTH)
        integers = series.cast(pl.Int64, strict=False)
        decimals = np.zeros(len(series), dtype=np.int64)
        pointed = read & integers.is_null()  # a plain one that is no integer has a point
        digits = integers.fill_null(0).to_numpy(writable=True)
        digits[~read.to_numpy()] = 0
        if pointed.any():
            rows = pointed.to_numpy()
            some = series.filter(pointed)
            point = some.str.find(".", literal=True).cast(pl.Int64)
            decimals[rows] = (some.str.len_bytes().cast(pl.Int64) - 1 - point).to_numpy()
            digits[rows] = some.str.replace(".", "", literal=True).cast(pl.Int64).to_numpy()
        return Plain(read.to_numpy(), digits, decimals)

    def keep_last(self, table: pa.Table, key: Sequence[str]) -> Kept:
        """Return the rows of which no later one has the key."""
        return _order.keep_last(table, key, lambda texts: self.numbered(texts).codes)

    def ordered(self, table: pa.Table, economies: Economies, dimensions: Sequence[str]) -> pa.Table:
        """Return the rows by region, figure and dimensions."""
        return _order.ordered(table, economies, dimensions, self.ranked)


def _series(texts: pa.Array) -> pl.Series:
    return pl.Series(texts, dtype=pl.String)
