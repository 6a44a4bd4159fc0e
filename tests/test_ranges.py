"""Value ranges: maximal runs of equal figures over the vintages that speak for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from history.ranges import Figure, Range, alike, as_of, compressed, expanded, finer, put, within

A: Figure = ("476.468", "3", "0")
B: Figure = ("645.682", "3", "0")
APRIL, OCTOBER, NEXT, LAST = "2024-04-16  2024-04", "2024-10-22  2024-10", "2025-04-22  2025-04", "2025-10-14  2025-10"
ALL = [APRIL, OCTOBER, NEXT, LAST]


def put_one(ranges: list[Range], vintage: str, figure: Figure | None, speakers: list[str]) -> list[Range]:
    return put(ranges, speakers, {vintage: figure})


def test_a_figure_that_stays_is_one_range() -> None:
    assert compressed(ALL, [A, A, A, A]) == [Range(APRIL, None, A)]


def test_a_revision_closes_one_range_and_begins_the_next() -> None:
    assert compressed(ALL, [A, A, A, B]) == [Range(APRIL, LAST, A), Range(LAST, None, B)]


def test_an_insert_in_the_middle_splits_a_run() -> None:
    held = put(put([], [APRIL], {APRIL: A}), [APRIL, NEXT], {NEXT: A})
    assert held == [Range(APRIL, None, A)]
    assert put_one(held, OCTOBER, B, [APRIL, OCTOBER, NEXT]) == [
        Range(APRIL, OCTOBER, A), Range(OCTOBER, NEXT, B), Range(NEXT, None, A)]


def test_a_figure_that_vanishes_and_returns_leaves_a_gap() -> None:
    assert compressed(ALL, [A, None, None, A]) == [Range(APRIL, OCTOBER, A), Range(LAST, None, A)]


def test_a_vintage_that_does_not_speak_changes_nothing() -> None:
    held = compressed([APRIL, LAST], [A, A])
    assert put_one(held, NEXT, A, [APRIL, NEXT, LAST]) == [Range(APRIL, None, A)]
    assert expanded(held, [APRIL, LAST]) == [A, A]


def test_withdrawing_the_newest_figure_closes_its_range() -> None:
    held = compressed([APRIL, OCTOBER], [A, A])
    assert put_one(held, NEXT, None, [APRIL, OCTOBER, NEXT]) == [Range(APRIL, NEXT, A)]


def test_what_one_more_decimal_says_is_another_writing() -> None:
    assert compressed([APRIL, OCTOBER], [("1.2", "3", "0"), ("1.2", "1", "0")]) == [
        Range(APRIL, OCTOBER, ("1.2", "3", "0")), Range(OCTOBER, None, ("1.2", "1", "0"))]


@pytest.mark.parametrize(("vintage", "figure"), [
    ("2024-01-01  2024-01", None), (APRIL, A), (OCTOBER, A), (NEXT, None), (LAST, B), ("2026-04-14  2026-04", B)])
def test_as_of(vintage: str, figure: Figure | None) -> None:
    assert as_of([Range(APRIL, NEXT, A), Range(LAST, None, B)], vintage) == figure


# --- any order, any way -------------------------------------------------------------------------------------------

VINTAGES = [f"20{number:02d}-04-01  20{number:02d}-04" for number in range(8)]
WORDS = st.dictionaries(st.sampled_from(VINTAGES), st.sampled_from([A, B, None]), max_size=8)


@given(words=WORDS, data=st.data())
def test_any_order_of_putting_is_the_runs_of_what_all_say(words: dict[str, Figure | None], data: st.DataObject) -> None:
    ordered = sorted(words)
    wanted: list[Range] = []
    for at, vintage in enumerate(ordered):  # by the definition, without expanded and compressed
        if words[vintage] is None or (at and words[ordered[at - 1]] == words[vintage]):
            continue
        later = [v for v in ordered[at:] if words[v] != words[vintage]]
        wanted.append(Range(vintage, later[0] if later else None, words[vintage] or A))
    ranges: list[Range] = []
    there: dict[str, Figure | None] = {}
    left = data.draw(st.permutations(ordered))
    while left:
        some = data.draw(st.integers(1, len(left)))
        now, left = {vintage: words[vintage] for vintage in left[:some]}, left[some:]
        there |= now
        ranges = put(ranges, sorted(there), now)
        assert expanded(ranges, sorted(there)) == [there[vintage] for vintage in sorted(there)]
    assert ranges == wanted


@given(words=WORDS, newest=st.sampled_from([A, B, None]))
def test_putting_the_newest_is_putting(words: dict[str, Figure | None], newest: Figure | None) -> None:
    ordered, last = sorted(words), "2030-04-01  2030-04"
    held = compressed(ordered, [words[vintage] for vintage in ordered])
    whole = compressed([*ordered, last], [*(words[vintage] for vintage in ordered), newest])
    assert put_one(held, last, newest, [*ordered, last]) == whole


# --- two writings -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("one", "other", "same"), [
    (("476.468", "3", ""), ("476.468", "3", ""), True),
    (("476.468", "3", ""), ("476.47", "2", ""), True),
    (("476.468", "3", ""), ("476.46", "2", ""), False),
    (("476.465", "3", ""), ("476.47", "2", ""), True),  # half a unit, exactly, either way
    (("476.465", "3", ""), ("476.46", "2", ""), True),
    (("13.515", "3", ""), ("13.516", "3", ""), False),
    (("-12.405", "3", ""), ("2", "2", ""), False),
    (("1234", "-3", ""), ("1600", "-3", ""), True),  # written in thousands
    (("1234", "-3", ""), ("1900", "-3", ""), False)])
def test_within_half_a_unit_of_the_coarser_writing(one: Figure, other: Figure, same: bool) -> None:
    assert within(one, other) is same
    assert within(other, one) is same


def test_absence_is_a_word_and_an_untold_forecast_is_none() -> None:
    assert alike(None, None)
    assert not alike(A, None)
    assert alike(("1", "0", "1"), ("1", "0", ""))
    assert not alike(("1", "0", "1"), ("1", "0", "0"))


def test_the_finer_writing_is_kept_and_what_either_tells_of_the_forecast() -> None:
    assert finer(("476.47", "2", "1"), ("476.468", "3", "")) == ("476.468", "3", "1")
    assert finer(("476.468", "3", ""), ("476.47", "2", "1")) == ("476.468", "3", "1")
