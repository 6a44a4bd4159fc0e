"""The engines of large tables, case by case: what becomes of a row, what is refused, what is held between pieces."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

pytest.importorskip("polars", reason="the group `large` is not installed")

from engines import TableEngine, _table, open_table_engine
from engines._arrow import numbers_of
from engines._table import Cleaner
from large.model import Kind
from rules.identity import Identity
from rules.records import Quarantined
from tests.nasty import ECONOMIES, FILE, PLAN, Record, cells, records, staged
from tests.table_engines import FRANCE, GERMANY, JAPAN, SIMPLE, clean, simple
from utils import PROJECT

# --- literal cases --------------------------------------------------------------------------------------------------

KINDS = (Kind("NGDPD", "US$", "Billions", 0, "", False), Kind("NGDPD", "US$", "Millions", -3, "", False),
         Kind("NGDPD", "Euro", "", -9, "the unit 'Euro' is not US dollars", False),
         Kind("NGDPD", "Percent", "", 0, "the unit 'Percent' is not US dollars", True))
ALL = replace(PLAN, kinds=KINDS)
FATES = {
    "stays": (Record(value="1.5"), "out", None),
    "group": (Record(name="Euro area"), "set aside: aggregate", None),
    "world": (Record(name="World", value="bad"), "set aside: aggregate", None),
    "not asked for": (Record(name="World", indicator="LP", unit="?"), "set aside: not asked for", None),
    "unknown": (Record(name="Frnce", value="n/a"), "quarantined",
                ("identity", "n/a", "name 'Frnce': unknown")),
    "contradiction": (Record(code="DEU"), "quarantined", (
        "identity", "1", "code 'DEU' and name 'France': the code means Germany (DEU), the name means France (FRA)")),
    "no value": (Record(value="—", year="?"), "set aside: no value", None),
    "bad number": (Record(value="1115,494", year="?"), "quarantined",
                   ("number", "1115,494", "'1115,494' has malformed thousands groups")),
    "bad year": (Record(year="FY24", unit="Euro", scale=""), "quarantined", ("year", "1", "'FY24' is no year")),
    "bad unit": (Record(unit="Euro", scale=""), "quarantined", ("unit", "1", "the unit 'Euro' is not US dollars")),
    "percent sign in percent": (Record(value="5%", unit="Percent", scale=""), "quarantined",
                                ("unit", "5%", "the unit 'Percent' is not US dollars")),
    "bad percentage": (Record(value="1,23%", unit="Percent", scale=""), "quarantined",
                       ("number", "1,23%", "'1,23%' has malformed thousands groups")),
    "percent sign elsewhere": (Record(value="5%"), "quarantined", ("number", "5%", "'5%' is no number")),
    "too large": (Record(value="10000000000000"), "quarantined",
                  ("number", "10000000000000", "'10000000000000' is too large for a GDP")),
    "too large and long": (Record(value="-9999999999999.9951"), "quarantined",
                           ("number", "-9999999999999.9951", "'-9999999999999.9951' is too large for a GDP")),
    "too large of a bad year": (Record(value="1" + "0" * 20, year=""), "quarantined",
                                ("year", "1" + "0" * 20, "'' is no year")),
}


@pytest.mark.parametrize(("record", "fate", "why"), FATES.values(), ids=FATES)
def test_fate(engine: TableEngine, record: Record, fate: str, why: tuple[str, str, str] | None) -> None:
    found = clean(engine, staged([record]), ALL, 7)
    assert +found.balance == {"in": 1, fate: 1} and found.balance["out"] == len(found.table)
    assert list(found.quarantined) == ([Quarantined(why[0], f"{FILE} line 7", *why[1:])] if why else [])


FIGURES = {  # in millions
    "1234565": (123457, 1234.565), "-1234565": (-123457, -1234.565), "2675": (268, 2.675), "4": (0, 0.004),
    "5": (1, 0.005), "-5": (-1, -0.005), "-4": (0, -0.004), "-0": (0, 0.0), "0.00": (0, 0.0), "1e3": (100, 1.0),
    " 1,234.5 ": (123, 1.2345), "999999999999999": (100000000000000, 999999999999.999),
    "4.9999999999999999": (0, 0.005), "0.1234567890123": (0, 0.0001234567890123),
    "9999999999999994": (999999999999999, 9999999999999.994),
    "12345678901234.5678": (1234567890123, 12345678901.2345678),
}


@pytest.mark.parametrize(("text", "figure"), FIGURES.items(), ids=FIGURES)
def test_figure(engine: TableEngine, text: str, figure: tuple[int, float]) -> None:
    table = clean(engine, simple(("France", "2024", text)), SIMPLE).table
    assert [*cells(table)] == [(FRANCE, 2024, *figure)]
    assert not np.signbit(numbers_of(table["published"]))[figure[1] >= 0].any()


def test_columns_and_their_types(engine: TableEngine) -> None:
    found = clean(engine, staged([Record(value="12.345", number="-7", note="😀", year="YR2023")]), ALL)
    assert [(field.name, str(field.type)) for field in found.table.schema] == [
        ("country", "uint16"), ("year", "int16"), ("f7", "int64"), ("f8", "large_string"), ("cents", "int64"),
        ("published", "double")]
    assert [*cells(found.table)] == [(FRANCE, 2023, -7, "😀", 1235, 12.345)]


def test_columns_when_rows_leave_are_the_same(engine: TableEngine) -> None:
    rows = [Record(name="World"), Record(value="2", number="8", note="b"), Record(name="World"),
            Record(name="Japan", value="3", number="9", note="c")]
    found = clean(engine, staged(rows), ALL)
    assert [*cells(found.table)] == [(FRANCE, 2024, 8, "b", 200, 2.0), (JAPAN, 2024, 9, "c", 300, 3.0)]
    assert found.table.schema.equals(clean(engine, staged([Record()]), ALL).table.schema)


def test_long_figures_are_counted_where_they_stay(engine: TableEngine) -> None:
    texts = ("1.234567890123456", "1" + "0" * 15, "123456789012345", "-1234567890123456")
    rows = [("Nobody", "2024", texts[0]), *(("France", "2024", text) for text in texts)]
    found = clean(engine, simple(*rows), SIMPLE)
    assert found.long == 2 and found.balance == {"in": 5, "out": 4, "quarantined": 1}


def test_a_table_without_years_or_with_codes_in_its_name_column(engine: TableEngine) -> None:
    plan = replace(SIMPLE, year=-1, value=1, place_is_code=True)
    found = clean(engine, simple(("FRA", "1000"), ("Germany", "1"), ("134", "2")), plan)
    assert found.table.column_names == ["country", "cents", "published"]
    assert [*cells(found.table)] == [(FRANCE, 100, 1.0), (GERMANY, 0, 0.002)]
    assert found.unknown == ["Germany"]
    named = clean(engine, simple(("FRA", "1000"), ("Germany", "1"), ("134", "2")), replace(plan, place_is_code=False))
    assert [row[0] for row in cells(named.table)] == [FRANCE, GERMANY]


def test_a_wide_table_names_the_column_and_the_line(engine: TableEngine) -> None:
    plan = replace(SIMPLE, year=-1, value=-1, wide=True)
    table = pa.table({"0": ["France", "France", "Nobody"], "year": ["2023", "1066", "2023"],
                      "value": ["1000", "2", "3"], "line": pa.array([4, 4, 9], pa.int64())})
    found = clean(engine, table, plan)
    assert [*cells(found.table)] == [(FRANCE, 2023, 100, 1.0)]
    assert [*found.quarantined] == [Quarantined("year", f"{FILE} line 4, column 1066", "2", "'1066' is no year"),
                                    Quarantined("identity", f"{FILE} line 9, column 2023", "3",
                                                "name 'Nobody': unknown")]
    assert len([*found.quarantined]) == 2  # again


def test_a_decimal_comma(engine: TableEngine) -> None:
    rows = [("France", "2024", text) for text in ("1.234,5", "12,345", "12.345", "5")]
    found = clean(engine, simple(*rows), replace(SIMPLE, decimal_mark=","))
    assert numbers_of(found.table["published"]).tolist() == [1.2345, 0.012345, 12.345, 0.005]


def test_an_empty_piece(engine: TableEngine) -> None:
    found = clean(engine, staged([]), ALL)
    assert found.balance == {"in": 0, "out": 0} and len(found.table) == 0 and [*found.quarantined] == []
    assert found.table.schema.equals(clean(engine, staged([Record()]), ALL).table.schema)


@pytest.mark.parametrize("text", ["", "+1", "01", "-0", "-01", "1.0", "0x1F", "x", "٣", "1 ", "9" * 19])
def test_a_further_column_that_is_not_of_integers_is_refused(engine: TableEngine, text: str) -> None:
    with pytest.raises(ValueError, match=r"a column of nasty\.csv was said to hold integers"):
        clean(engine, staged([Record(number="5"), Record(number=text)]), ALL)


def test_a_kind_that_the_plan_does_not_know_is_refused(engine: TableEngine) -> None:
    with pytest.raises(ValueError, match="the plan does not say what 'NGDPD', 'Ducats', 'Billions' is"):
        clean(engine, staged([Record(unit="Ducats")]), ALL)
    with pytest.raises(ValueError, match="a figure moves by at most 9 places"):
        clean(engine, staged([]), replace(ALL, kinds=(Kind("", "", "", 10, "", False),)))


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(ValueError, match="'dask' is no engine of large tables; there are polars, pandas"):
        open_table_engine("dask")


@pytest.mark.parametrize(("name", "other"), [("polars", "pandas"), ("pandas", "polars")])
def test_an_engine_works_without_the_other(name: str, other: str) -> None:
    code = ("import sys\n"
            "class Missing:\n"
            "    def find_spec(self, name, path=None, target=None):\n"
            f"        if name == {other!r}: raise ModuleNotFoundError(name)\n"
            "sys.meta_path.insert(0, Missing())\n"
            "from tests.nasty import *; from engines import open_table_engine; from engines._table import Cleaner\n"
            f"rows = records(300, 1); plan = plan_for(rows); engine = open_table_engine({name!r})\n"
            "found = Cleaner(engine, plan, IDENTITY, ECONOMIES, FILE).clean(staged(rows), 2)\n"
            "assert list(found.quarantined) == expected(rows, plan).quarantined\n"
            "kept = engine.keep_last(found.table, ('country', 'f8')).table\n"
            "print(len(engine.ordered(kept, ECONOMIES, plan.dimensions)) > 50)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, check=False)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_polars_does_not_bring_pandas(tmp_path: Path) -> None:
    rows = records(300, 1)
    table = staged(rows)
    with pa.OSFile(str(tmp_path / "piece.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    code = ("import sys; import pyarrow as pa; from tests.nasty import *; from engines import open_table_engine\n"
            "from engines._table import Cleaner\n"
            "plan = plan_for(records(300, 1)); engine = open_table_engine('polars')\n"
            f"piece = pa.ipc.open_file({str(tmp_path / 'piece.arrow')!r}).read_all()\n"
            "found = Cleaner(engine, plan, IDENTITY, ECONOMIES, FILE).clean(piece, 2)\n"
            "list(found.quarantined); kept = engine.keep_last(found.table, ('country', 'f8')).table\n"
            "engine.ordered(kept, ECONOMIES, plan.dimensions); print('pandas' in sys.modules)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, check=False)
    assert (done.stdout, done.stderr) == ("False\n", "")


# --- what is held from piece to piece -------------------------------------------------------------------------------


class Counting(Identity):
    """Counts what it is asked."""

    asked = 0

    def resolve(self, code: str, name: str) -> str:
        Counting.asked += 1
        return super().resolve(code, name)

    def _near(self, text: str) -> list[tuple[str, str]]:
        raise AssertionError("no near name is to be searched in a large table")


def test_names_are_resolved_once_and_the_memory_of_them_is_bounded(engine: TableEngine,
                                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_table, "MOST_RESOLVED", 100)
    identity = Counting(_country_table())
    cleaner = Cleaner(engine, SIMPLE, identity, ECONOMIES, FILE)
    cleaner.clean(simple(*[("France", "2024", "1")] * 50, ("x" * 500, "2024", "1")), 2)
    before = Counting.asked
    cleaner.clean(simple(*[("France", "2024", "1")] * 50), 52)
    assert Counting.asked == before and len(cleaner._resolved) == 1
    found = cleaner.clean(simple(*[(f"Nobody {number}", "2024", "1") for number in range(1_000)]), 102)
    assert len(cleaner._resolved) <= 100
    assert found.unknown == [f"Nobody {number}" for number in range(50)]
    assert next(iter(found.quarantined)).detail == "name 'Nobody 0': unknown"


def _country_table() -> Any:
    return json.loads((PROJECT / "data" / "country_region_table.json").read_text(encoding="utf-8"))
