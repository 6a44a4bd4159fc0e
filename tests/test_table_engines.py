"""The engines of large tables: every cell the same in each, and the same as rules/ say row by row."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

pytest.importorskip("polars", reason="the group `large` is not installed")

from engines import TABLE_ENGINES, TableEngine, _order, _table, open_table_engine
from engines._arrow import numbers_of
from engines._table import Cleaned, Cleaner
from large.model import Kind, TablePlan
from rules import cleaning
from rules.identity import Identity
from rules.records import Quarantined
from tests.nasty import (
    ECONOMIES,
    FILE,
    IDENTITY,
    NAMES,
    NOTES,
    NUMBERS,
    PLAN,
    RAWS,
    YEARS,
    Record,
    cells,
    expected,
    in_order,
    kept_last,
    plan_for,
    records,
    staged,
)
from utils import PROJECT

ENGINES = {name: open_table_engine(name) for name in TABLE_ENGINES}
FRANCE, GERMANY, JAPAN = (ECONOMIES.number[iso3] for iso3 in ("FRA", "DEU", "JPN"))
MILLIONS = (Kind("", "", "", -3, "", False),)
SIMPLE = TablePlan(-1, 0, 1, 2, -1, -1, -1, wide=False, place_is_code=False, further=(), key=("country", "year"),
                   decimal_mark=".", kinds=MILLIONS)


@pytest.fixture(params=TABLE_ENGINES)
def engine(request: pytest.FixtureRequest) -> TableEngine:
    return ENGINES[request.param]


def clean(engine: TableEngine, table: pa.Table, plan: TablePlan, first_line: int = 2) -> Cleaned:
    return Cleaner(engine, plan, IDENTITY, ECONOMIES, FILE).clean(table, first_line)


def simple(*rows: tuple[str, ...]) -> pa.Table:
    """Return rows of texts as a staged piece."""
    return pa.table({str(at): pa.array(column, pa.large_string()) for at, column in enumerate(zip(*rows, strict=True))})


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


@pytest.mark.parametrize(("text", "year"), [("2024", "2024"), (" YR2024\n", "2024"), ("2024.00", "2024"),
                                            ("2024.5", "2024.5"), (" FY24", " FY24"), ("20245", "20245")])
def test_a_written_year(text: str, year: str) -> None:
    assert cleaning.written_year(text) == year


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
    import json
    return json.loads((PROJECT / "data" / "country_region_table.json").read_text(encoding="utf-8"))


# --- nasty records --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", [".", ","])
def test_nasty_records(mark: str) -> None:
    rows = records(200_000 if mark == "." else 40_000, 20261121, mark)
    plan = plan_for(rows, mark)
    wanted, table = expected(rows, plan), staged(rows)
    assert wanted.balance["out"] > 70_000 * len(rows) / 200_000 and wanted.long > 100
    rules = {each.rule for each in wanted.quarantined}
    assert len(wanted.balance) == 6 and rules == {"identity", "number", "year", "unit"}
    tables = []
    for engine in ENGINES.values():
        found = clean(engine, table, plan)
        assert [*cells(found.table)] == wanted.rows
        assert found.balance == wanted.balance and [*found.quarantined] == wanted.quarantined
        assert found.unknown == wanted.unknown and found.long == wanted.long
        tables.append(found.table)
    assert tables[0].equals(tables[1])


def test_pieces_of_a_file_together_are_what_the_file_is(engine: TableEngine) -> None:
    rows = records(5_000, 3)
    plan = plan_for(rows)
    cleaner = Cleaner(engine, plan, IDENTITY, ECONOMIES, FILE)
    whole, table = expected(rows, plan), staged(rows)
    pieces = [cleaner.clean(table.slice(begin, 1_234), 2 + begin) for begin in range(0, 5_000, 1_234)]
    assert [row for piece in pieces for row in cells(piece.table)] == whole.rows
    assert [each for piece in pieces for each in piece.quarantined] == whole.quarantined


TEXTS = st.one_of(
    st.sampled_from(RAWS), st.from_regex(rf"{cleaning.PLAIN_SHAPE}", fullmatch=True),
    st.integers(-10**20, 10**20).map(str), st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=12), st.text("0123456789.,-+e \u00a0[]%$", max_size=20))
RECORDS = st.builds(
    Record, st.sampled_from(("", "FRA", "DEU", "111", "XX")),
    st.sampled_from((*NAMES[:20], "France", "Japan", "Germany")), st.sampled_from((*YEARS, "2024", "2023")),
    st.sampled_from(("NGDPD", "LP")), st.sampled_from(("US$", "Percent", "Euro")),
    st.sampled_from(("", "Millions", "Billions", "12")), TEXTS, st.sampled_from(NUMBERS), st.sampled_from(NOTES))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(st.lists(RECORDS, max_size=12), st.sampled_from(".,"))
def test_made_records(rows: list[Record], mark: str) -> None:
    plan = plan_for(rows, mark)
    wanted = expected(rows, plan)
    for engine in ENGINES.values():
        found = clean(engine, staged(rows), plan)
        assert [*cells(found.table)] == wanted.rows
        assert (found.balance, [*found.quarantined], found.unknown, found.long) == (
            wanted.balance, wanted.quarantined, wanted.unknown, wanted.long)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.lists(TEXTS, min_size=1, max_size=20))
@example(["-0", "-0.00", "0", "0.50", "-0.05", "123456789012345", "1234567890123456", "12345678901234.5", "5\n", "05"])
def test_what_is_read_without_python_is_what_the_rules_read(texts: list[str]) -> None:
    plain = ENGINES["polars"].plain(pa.array(texts, pa.large_string()))
    for at, text in enumerate(texts):
        if plain.read[at]:
            digits, decimals = int(plain.digits[at]), int(plain.decimals[at])
            assert abs(digits) < 10**15 and len(text) <= cleaning.PLAIN_LENGTH
            sign, body = "-" if digits < 0 else "", str(abs(digits)).rjust(decimals + 1, "0")
            written = f"{sign}{body[:len(body) - decimals]}.{body[len(body) - decimals:]}"
            assert cleaning.parse_number(text) == (cleaning.canonical(written), decimals, "")
        else:
            assert plain.digits[at] == plain.decimals[at] == 0


def test_plain_figures_are_read_without_python() -> None:
    texts = ["5", "-0.50", "12345678901234.5", "0.1234567890123", "123456789012345", "+5", "05", "5.", ".5", "1,5",
             "5 ", "1234567890123456", "-12345678901234.5", "", "5\n", "٥"]
    plain = ENGINES["polars"].plain(pa.array(texts, pa.large_string()))
    assert plain.read.tolist() == [True] * 5 + [False] * 11
    assert plain.digits.tolist()[:5] == [5, -50, 123456789012345, 1234567890123, 123456789012345]
    assert plain.decimals.tolist()[:5] == [0, 2, 1, 13, 0]


# --- duplicates and order -------------------------------------------------------------------------------------------

Row = tuple[int, int, int, str, int, float]


def clean_table(rows: list[Row]) -> pa.Table:
    country, year, number, note, cents, published = zip(*rows, strict=True) if rows else ((),) * 6
    return pa.table({"country": pa.array(country, pa.uint16()), "year": pa.array(year, pa.int16()),
                     "f7": pa.array(number, pa.int64()), "f8": pa.array(note, pa.large_string()),
                     "cents": pa.array(cents, pa.int64()), "published": pa.array(published, pa.float64())})


def row(country: int = FRANCE, year: int = 2024, number: int = 0, note: str = "", figure: float = 1.0) -> Row:
    return country, year, number, note, round(figure * 100), figure


KEYS = {"all": ("country", "year", "f7", "f8"), "integers": ("country", "year", "f7"), "one": ("country",),
        "text": ("f8",), "none": ()}


def test_the_last_of_a_key_stays_and_the_others_are_told_apart(engine: TableEngine) -> None:
    rows = [row(figure=1), row(JAPAN, figure=5), row(figure=2), row(figure=1), row(note="x"), row(figure=1),
            row(JAPAN, figure=6), row(figure=3), row(figure=1)]
    kept = engine.keep_last(clean_table(rows), KEYS["all"])
    assert [*cells(kept.table)] == [row(note="x"), row(JAPAN, figure=6), row(figure=1)]
    assert (kept.exact, kept.superseded) == (3, 3)


def test_a_table_without_duplicates_is_returned_as_it_is(engine: TableEngine) -> None:
    table = clean_table([row(number=number) for number in range(5)])
    assert engine.keep_last(table, KEYS["all"]) == (table, 0, 0)
    assert engine.keep_last(clean_table([]), KEYS["all"]) == (clean_table([]), 0, 0)
    assert engine.ordered(clean_table([]), ECONOMIES, ("country",)).equals(clean_table([]))


def test_the_order_of_parts(engine: TableEngine) -> None:
    number = ECONOMIES.number
    wanted = [row(number["EGY"], figure=1), row(JAPAN, 2024, figure=7), row(JAPAN, 2023, figure=-7.0),
              row(FRANCE, 2024, 9, "", 5), row(FRANCE, 2023, -1, "", 4), row(FRANCE, 2024, -1, "", 4),
              row(FRANCE, 2024, 1, "a", 4), row(FRANCE, 2024, 1, "a\x00", 4), row(FRANCE, 2024, 1, "\uffff", 4),
              row(FRANCE, 2024, 1, "😀", 4), row(GERMANY, 2024, 0, "", 4), row(number["USA"], figure=1),
              row(number["BRA"], figure=9), row(number["AUS"], figure=99)]
    table = clean_table(wanted[::-1])
    assert [*cells(engine.ordered(table, ECONOMIES, KEYS["all"]))] == wanted


def test_equal_rows_stay_in_the_order_in_which_they_came(engine: TableEngine) -> None:
    rows = [(FRANCE, 2024, 0, str(number), 100, float(number)) for number in range(3_000)]
    assert [*cells(engine.ordered(clean_table(rows), ECONOMIES, ("country", "year", "f7")))] == rows


CLEAN_ROWS = st.lists(st.tuples(
    st.sampled_from((FRANCE, GERMANY, JAPAN, 0, len(ECONOMIES.known) - 1)), st.sampled_from((1500, 2023, 2024, 2199)),
    st.sampled_from((0, 1, -1, 10**18 - 1, 1 - 10**18)), st.sampled_from(NOTES),
    st.sampled_from((0, 1, -1, 10**15 - 1, 1 - 10**15)), st.sampled_from((0.0, 1.5, -1.5, 1e13))), max_size=60)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(CLEAN_ROWS, st.sampled_from(sorted(KEYS)))
def test_made_rows_by_key_and_in_order(rows: list[Row], key: str) -> None:
    names = KEYS["all"]
    kept, exact, superseded = kept_last(rows, [names.index(name) for name in KEYS[key]], 5)
    for engine in ENGINES.values():
        found = engine.keep_last(clean_table(rows), KEYS[key])
        assert ([*cells(found.table)], found.exact, found.superseded) == (kept, exact, superseded)
        assert [*cells(engine.ordered(clean_table(rows), ECONOMIES, names))] == in_order(rows, 4, range(4))


@pytest.mark.parametrize("ties", ["few", "many", "all"])
def test_a_hundred_thousand_rows_by_key_and_in_order(engine: TableEngine, ties: str) -> None:
    chance = np.random.default_rng(5)
    count, spread = 100_000, {"few": 10**12, "many": 40, "all": 1}[ties]
    numbers = chance.integers(-10**17, 10**17, 50)[chance.integers(0, 50, count)]
    rows = list(zip(chance.integers(0, 200, count).tolist(), chance.integers(2020, 2024, count).tolist(),
                    numbers.tolist(), np.array(NOTES, dtype=object)[chance.integers(0, len(NOTES), count)].tolist(),
                    chance.integers(-spread, spread, count).tolist(),
                    chance.integers(0, 3, count).astype(float).tolist(), strict=True))
    table = clean_table(rows)
    table = pa.concat_tables([table.slice(0, 777), table.slice(777)])  # pieces, as a partition has them
    kept, exact, superseded = kept_last(rows, range(4), 5)
    found = engine.keep_last(table, KEYS["all"])
    assert [*cells(found.table)] == kept and (found.exact, found.superseded) == (exact, superseded)
    assert exact > 0 and superseded > 0
    assert [*cells(engine.ordered(table, ECONOMIES, KEYS["all"]))] == in_order(rows, 4, range(4))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.tuples(*[st.integers(-2**63, 2**63 - 1) | st.integers(-2, 2)] * 4), min_size=1, max_size=40))
def test_sorting_is_right_for_all_integers(rows: list[tuple[int, ...]]) -> None:
    found = _order.sort([np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)])
    order = sorted(range(len(rows)), key=lambda at: rows[at])
    assert found.rows.tolist() == order
    assert found.new.tolist() == [not at or rows[order[at]] != rows[order[at - 1]] for at in range(len(rows))]
