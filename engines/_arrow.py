"""Between Arrow and numpy without a copy, and without pandas: pyarrow's own to_numpy and array() import it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

Numbers = np.ndarray[Any, np.dtype[np.int64]]
Array = np.ndarray[Any, Any]
BLOCK = 4096  # texts that are Python's own at once


def whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return a column as one array."""
    if isinstance(column, pa.Array):
        return column
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [pa.array([], column.type)])


def texts_of(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return a column of texts as one LargeStringArray."""
    found = whole(column)
    return found if found.type == pa.large_string() else found.cast(pa.large_string())


def numbers_of(column: pa.ChunkedArray | pa.Array) -> Array:
    """Return a column of numbers without nulls as a numpy array of the same type, not to be written to."""
    found = whole(column)
    kind = np.dtype(found.type.to_pandas_dtype())
    if not len(found):
        return np.empty(0, dtype=kind)
    return np.frombuffer(found.buffers()[1], dtype=kind, count=len(found), offset=found.offset * kind.itemsize)


def array_of(numbers: Array) -> pa.Array:
    """Return numbers as an Arrow array of the same type."""
    numbers = np.ascontiguousarray(numbers)
    return pa.Array.from_buffers(pa.from_numpy_dtype(numbers.dtype), len(numbers), [None, pa.py_buffer(numbers)])


def is_text(column: pa.ChunkedArray | pa.Array) -> bool:
    """Tell whether a column is one of texts."""
    kind = column.type
    return bool(pa.types.is_large_string(kind) or pa.types.is_string(kind) or pa.types.is_string_view(kind))


def array_of_texts(texts: Sequence[str]) -> pa.Array:
    """Return texts as an Arrow array."""
    encoded = [text.encode() for text in texts]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    return pa.Array.from_buffers(pa.large_string(), len(texts), [None, pa.py_buffer(ends),
                                                                 pa.py_buffer(b"".join(encoded))])


def each_of(texts: pa.Array) -> Iterator[str]:
    """Yield texts one after another."""
    for begin in range(0, len(texts), BLOCK):
        yield from texts.slice(begin, BLOCK).to_pylist()


def taken(column: pa.ChunkedArray | pa.Array, rows: Numbers) -> pa.Array:
    """Return these rows of a column of numbers or texts, as one array."""
    if is_text(column):
        return texts_of(column).take(array_of(rows))
    return array_of(numbers_of(column)[rows])


def rows_of(table: pa.Table, rows: Numbers) -> pa.Table:
    """Return these rows of a table of numbers and texts."""
    return pa.table({name: taken(table.column(name), rows) for name in table.column_names})
