"""The engines of large tables: which of the rows of one key stays, and the order of those that do."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("polars", reason="the group `large` is not installed")

from engines import TableEngine, _order
from tests.nasty import ECONOMIES, NOTES, cells, in_order, kept_last
from tests.table_engines import ENGINES, FRANCE, GERMANY, JAPAN

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


@pytest.mark.parametrize("count", [10_000, pytest.param(100_000, marks=pytest.mark.full)])
@pytest.mark.parametrize("ties", ["few", "many", "all"])
def test_many_rows_by_key_and_in_order(engine: TableEngine, ties: str, count: int) -> None:
    chance = np.random.default_rng(5)
    spread = {"few": 10**12, "many": 40, "all": 1}[ties]
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


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.tuples(*[st.integers(-2**63, 2**63 - 1) | st.integers(-2, 2)] * 4), min_size=1, max_size=40))
def test_sorting_is_right_for_all_integers(rows: list[tuple[int, ...]]) -> None:
    found = _order.sort([np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)])
    order = sorted(range(len(rows)), key=lambda at: rows[at])
    assert found.rows.tolist() == order
    assert found.new.tolist() == [not at or rows[order[at]] != rows[order[at - 1]] for at in range(len(rows))]
