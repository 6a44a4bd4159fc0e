"""Large tables without polars: pandas numbers and ranks the texts of a column, Python reads each distinct figure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from engines import Kept, Numbered, Plain, _order
from engines._arrow import Array, texts_of
from large.model import Economies


class Engine:
    """See engines.TableEngine."""

    def numbered(self, texts: pa.Array) -> Numbered:
        """Number the distinct texts of a column, in the order in which they first appear."""
        codes, distinct = pd.arrays.ArrowExtensionArray(texts).factorize()
        return Numbered(codes, texts_of(distinct.__arrow_array__()))

    def ranked(self, texts: pa.Array) -> Array:
        """Return numbers that sort as the texts do."""
        codes, distinct = pd.arrays.ArrowExtensionArray(texts).factorize()
        place: Array = np.empty(len(distinct), dtype=np.int64)
        place[distinct.argsort()] = np.arange(len(distinct))  # Arrow compares bytes, not as a locale does
        ranks: Array = place[codes]
        return ranks

    def plain(self, texts: pa.Array) -> Plain | None:
        """Return None: to read a column twice costs pandas more than to read its distinct texts once."""
        return None

    def keep_last(self, table: pa.Table, key: Sequence[str]) -> Kept:
        """Return the rows of which no later one has the key."""
        return _order.keep_last(table, key, lambda texts: self.numbered(texts).codes)

    def ordered(self, table: pa.Table, economies: Economies, dimensions: Sequence[str]) -> pa.Table:
        """Return the rows by region, figure and dimensions."""
        return _order.ordered(table, economies, dimensions, self.ranked)
