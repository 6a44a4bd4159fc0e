"""The engines of large tables against the rules, row by row: nasty and made records, figures read without Python."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

pytest.importorskip("polars", reason="the group `large` is not installed")

from engines import TableEngine
from engines._table import Cleaner
from rules import cleaning
from tests.nasty import (
    ECONOMIES,
    FILE,
    IDENTITY,
    NAMES,
    NOTES,
    NUMBERS,
    RAWS,
    YEARS,
    Record,
    cells,
    expected,
    plan_for,
    records,
    staged,
)
from tests.table_engines import ENGINES, clean


@pytest.mark.parametrize(("mark", "count"), [
    (".", 30_000), (",", 10_000), pytest.param(".", 200_000, marks=pytest.mark.full),
    pytest.param(",", 40_000, marks=pytest.mark.full)])
def test_nasty_records(mark: str, count: int) -> None:
    rows = records(count, 20261121, mark)
    plan = plan_for(rows, mark)
    wanted, table = expected(rows, plan), staged(rows)
    assert wanted.balance["out"] > 0.35 * count and wanted.long > 100 * count / 40_000
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


def made(examples: int) -> settings:
    return settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow],
                    derandomize=True)


@made(60)
@given(st.lists(RECORDS, max_size=12), st.sampled_from(".,"))
def test_made_records(rows: list[Record], mark: str) -> None:
    as_the_rules_read(rows, mark)


@pytest.mark.full
@made(500)
@given(st.lists(RECORDS, max_size=12), st.sampled_from(".,"))
def test_many_made_records(rows: list[Record], mark: str) -> None:
    as_the_rules_read(rows, mark)


def as_the_rules_read(rows: list[Record], mark: str) -> None:
    plan = plan_for(rows, mark)
    wanted = expected(rows, plan)
    for engine in ENGINES.values():
        found = clean(engine, staged(rows), plan)
        assert [*cells(found.table)] == wanted.rows
        assert (found.balance, [*found.quarantined], found.unknown, found.long) == (
            wanted.balance, wanted.quarantined, wanted.unknown, wanted.long)


@made(100)
@given(st.lists(TEXTS, min_size=1, max_size=20))
@example(["-0", "-0.00", "0", "0.50", "-0.05", "123456789012345", "1234567890123456", "12345678901234.5", "5\n", "05"])
def test_what_is_read_without_python_is_what_the_rules_read(texts: list[str]) -> None:
    read_as_by_the_rules(texts)


@pytest.mark.full
@made(2_000)
@given(st.lists(TEXTS, min_size=1, max_size=20))
def test_much_that_is_read_without_python_is_what_the_rules_read(texts: list[str]) -> None:
    read_as_by_the_rules(texts)


def read_as_by_the_rules(texts: list[str]) -> None:
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
