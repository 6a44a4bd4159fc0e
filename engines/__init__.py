"""How the work is computed: one module an engine, all applying the same rules.

An engine has one function, clean(job) -> CleanBatch: staged parts of one vintage in, clean records out. pandas is the
engine of small tables. An engine reads files and holds tables; it decides nothing about figures, rules/ does.

Large tables are cleaned piece by piece as Arrow tables, by engines._table, and put in order by engines._order, once for
all; what is done with the texts of a whole column there, a TableEngine does: modules polars_table and pandas_table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from rules.gates import Census
from rules.identity import Identity
from rules.records import CleanRecord, Quarantined

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from large.model import Economies

TABLE_ENGINES = ("polars", "pandas")


@dataclass(frozen=True)
class CleanJob:
    """One vintage to clean.

    files:        staged parts in order, CSV.
    main:         the indicator of the picture.
    picture_year: the year whose GDP the gates judge; 0 where each cell carries its own.
    decimals:     indicator -> decimals stated in the unit as given; empty where every cell shows its own.
    """

    dataset: str
    vintage: str
    files: Sequence[Path]
    identity: Identity
    main: str
    picture_year: int
    decimal_mark: str = "."
    decimals: Mapping[str, int] = field(default_factory=dict)


@dataclass
class CleanBatch:
    """What came out of one vintage.

    rows:    clean records as texts, fields as in CleanRecord and "" for an untold forecast, as parts hold them;
             ordered by (indicator, iso3, year), to be consumed once.
    balance: rows in, out, and where the others went; see pipeline.checkpoints.balanced.
    digest:  sha256 of the canonical records without locators: equal figures have equal digests, whatever the channel; a
             finer writing of them, which history keeps, has another.
    picture: the records of the main indicator in the picture's year.
    missing: economies of this vintage without a figure in that year.
    """

    rows: Iterable[Sequence[str]]
    balance: dict[str, int]
    quarantined: list[Quarantined]
    digest: str
    census: Census
    picture: list[CleanRecord]
    missing: list[str]


def digest_of(figures: Iterable[Sequence[str]]) -> str:
    """Return the digest of figures: (indicator, iso3, year, value_text, decimals, forecast) as texts, ordered by the
    first three.

    An indicator that may hold a comma or a line break must have been escaped by plain_indicator.
    """
    return hashlib.sha256("\n".join(map(",".join, figures)).encode("utf-8", "backslashreplace")).hexdigest()


def plain_indicator(name: str) -> str:
    """Return an indicator's name for digest_of: one of ours as it is, a source's own without commas and line breaks."""
    return name.encode("unicode_escape").decode("ascii").replace(",", "\\x2c")


class Numbered(NamedTuple):
    """A column of texts: codes[row] (integers) is the place of the row's text in `distinct`, where each is once.

    distinct is a pyarrow.LargeStringArray: as Python's own the texts of a piece would take five times the memory.
    """

    codes: np.ndarray[Any, Any]
    distinct: pa.Array


class Plain(NamedTuple):
    """The figures of a column that are as rules.cleaning.PLAIN_SHAPE says.

    read: bool, whether the row's is one. digits, decimals: int64, the row's figure is digits / 10**decimals; 0 where it
    is none.
    """

    read: np.ndarray[Any, Any]
    digits: np.ndarray[Any, Any]
    decimals: np.ndarray[Any, Any]


class Kept(NamedTuple):
    """Rows of which no two have one key, in the file's order, and how many left as duplicates; see keep_last."""

    table: pa.Table
    exact: int
    superseded: int


class TableEngine(Protocol):
    """What computes with the columns of a large table. Texts are a pyarrow.LargeStringArray without nulls."""

    def numbered(self, texts: pa.Array) -> Numbered:
        """Number the distinct texts of a column, in any order."""

    def ranked(self, texts: pa.Array) -> np.ndarray[Any, Any]:
        """Return int64 numbers that sort, and are equal, as the texts are by code point."""

    def plain(self, texts: pa.Array) -> Plain | None:
        """Return the figures that can be read without Python, None where the engine has no such way."""

    def keep_last(self, table: pa.Table, key: Sequence[str]) -> Kept:
        """Return the clean rows without those that a later row of the same key follows.

        table: in the file's order. One that leaves counts as exact where a later one of its key has the same figure
        (column "published"), else as superseded.
        """

    def ordered(self, table: pa.Table, economies: Economies, dimensions: Sequence[str]) -> pa.Table:
        """Return the clean rows by region, the largest figure (column "cents") first, then by the dimensions.

        Rows that are equal in all of these stay in the order in which they came.
        """


def open_table_engine(name: str) -> TableEngine:
    """Return the engine of large tables of this name, one of TABLE_ENGINES. Raises ValueError for another."""
    if name not in TABLE_ENGINES:
        raise ValueError(f"{name!r} is no engine of large tables; there are {', '.join(TABLE_ENGINES)}")
    return cast(TableEngine, import_module(f"engines.{name}_table").Engine())
