"""What the tests of the engines of large tables share: the engines, some economies, a plan of three columns."""

from __future__ import annotations

import pyarrow as pa

from engines import TABLE_ENGINES, TableEngine, open_table_engine
from engines._table import Cleaned, Cleaner
from large.model import Kind, TablePlan
from tests.nasty import ECONOMIES, FILE, IDENTITY

ENGINES = {name: open_table_engine(name) for name in TABLE_ENGINES}
FRANCE, GERMANY, JAPAN = (ECONOMIES.number[iso3] for iso3 in ("FRA", "DEU", "JPN"))
MILLIONS = (Kind("", "", "", -3, "", False),)
SIMPLE = TablePlan(-1, 0, 1, 2, -1, -1, -1, wide=False, place_is_code=False, further=(), key=("country", "year"),
                   decimal_mark=".", kinds=MILLIONS)


def clean(engine: TableEngine, table: pa.Table, plan: TablePlan, first_line: int = 2) -> Cleaned:
    """Return what an engine makes of a staged piece."""
    return Cleaner(engine, plan, IDENTITY, ECONOMIES, FILE).clean(table, first_line)


def simple(*rows: tuple[str, ...]) -> pa.Table:
    """Return rows of texts as a staged piece."""
    return pa.table({str(at): pa.array(column, pa.large_string()) for at, column in enumerate(zip(*rows, strict=True))})
