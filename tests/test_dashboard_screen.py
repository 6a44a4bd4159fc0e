"""The market screen's formula and the lines of editions, on numbers small enough to compute in one's head."""

from __future__ import annotations

import pytest

from reports.dashboard.screen import MEASURES, Scored, measures, ranked, revised, score, scored, usable
from reports.dashboard.series import Line, Series, lines_of, series_of

V = ("2020", "2021", "2022")  # keys of editions


def test_series_follow_the_ranges() -> None:
    rows = [("NGA", 2020, "2020", "2021", 1.0, 0), ("NGA", 2020, "2021", None, 2.0, 0),
            ("NGA", 2021, "2020", "2022", 3.0, 1), ("NGA", 2022, "2022", None, 4.0, 1),
            ("USA", 2021, "2019", "2021", 5.0, 0), ("FRA", 2022, "2023", None, 6.0, 0)]
    found = series_of(rows, V, [2020, 2021, 2022])
    assert found.keys() == {"NGA", "USA"}  # France is of a later edition
    assert found["NGA"].lines() == [[1.0, 3.0, None], [2.0, 3.0, None], [2.0, None, 4.0]]
    assert found["NGA"].steps == [[(0, 1.0)], [(1, 3.0), (2, None)]]
    assert (found["NGA"].start, found["USA"].start) == (2022, None)
    assert found["USA"].lines() == [[None, 5.0, None], [None] * 3, [None] * 3]  # held before the first edition drawn


def test_an_older_picture_has_what_it_had_then() -> None:
    rows = [("NGA", 2020, "2020", "2022", 1.0, 1), ("NGA", 2020, "2022", None, 2.0, 0)]
    assert series_of(rows, V[:2], [2020])["NGA"] == Series([1.0], 2020, [[]])


def test_lines_are_aligned_with_the_years() -> None:
    assert lines_of([("NGA", 2020, 1.23456), ("NGA", 2022, 2.0), ("NGA", 1990, 9.0)], [2020, 2021, 2022], 3) == {
        "NGA": [1.235, None, 2.0]}


def test_the_four_measures() -> None:
    growth: Line = [2.0, 4.0, 2.0, 4.0, 2.0, 4.0, 6.0, 5.0, None, 9.0]
    series = Series([100.0] * 6, None, [[(4, 90.0), (5, 120.0)], [(5, 110.0), (3, None)]])
    found = measures(500.0, series, growth, 5)
    assert found["size"] == 500.0
    assert found["growth"] == (4 + 6 + 5 + 9) / 4  # of 2025 to 2029, one of which is lacking
    assert found["steady"] == 1.0  # of 2, 4, 2, 4, 2, 4 around 3
    # The older: 0, 0, none, 10 and 20 %; the newer: 0, 0, none, 0 and 10 %. Years at places 1 to 5.
    assert found["risk"] == pytest.approx((0 + 0 + 10 + 20 + 0 + 0 + 0 + 10) / 8)


def test_growth_looks_back_where_there_is_no_forecast() -> None:
    found = measures(1.0, None, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 5)
    assert (found["growth"], found["risk"]) == (4.0, None)
    assert measures(1.0, None, [None, None, None, None, 5.0, 6.0], 5)["growth"] is None
    assert measures(1.0, None, None, 5) == {"size": 1.0, "growth": None, "steady": None, "risk": None}


def test_a_figure_of_zero_cannot_be_compared() -> None:
    assert revised([[5.0], [0.0]], 0) is None
    assert revised([[5.0], [-10.0]], 0) == 150.0


def test_shares_are_of_the_others_and_equals_count_half() -> None:
    found = {name: {"size": size, "growth": None, "steady": steady, "risk": None}
             for name, size, steady in (("A", 1.0, 3.0), ("B", 2.0, 1.0), ("C", 2.0, 2.0), ("D", 4.0, None))}
    rows = {row.iso3: row for row in scored(found)}
    assert {name: row.shares["size"] for name, row in rows.items()} == {"A": 0.0, "B": 0.5, "C": 0.5, "D": 1.0}
    assert {name: row.shares["steady"] for name, row in rows.items()} == {"A": 0.0, "B": 1.0, "C": 0.5, "D": None}
    assert usable(list(rows.values())) == ["size", "steady"]
    assert scored({"A": found["A"]})[0].shares["size"] == 1.0


def row(iso3: str, size: float, *shares: float | None) -> Scored:
    return Scored(iso3, {"size": size}, dict(zip(MEASURES, shares, strict=True)))


@pytest.mark.parametrize(("weights", "expected"), [
    ({"size": 40, "growth": 30, "steady": 15, "risk": 15}, 100 * (0.4 * 1 + 0.3 * 0.5 + 0.15 * 0.2 + 0.15 * 0)),
    ({"size": 1, "growth": 1, "steady": 0, "risk": 0}, 75.0),
    ({"size": 0, "growth": 0, "steady": 0, "risk": 0}, 0.0),
], ids=["usual", "two", "none"])
def test_the_score_is_the_weighted_mean(weights: dict[str, int], expected: float) -> None:
    assert score(row("A", 1, 1.0, 0.5, 0.2, 0.0), weights, MEASURES) == pytest.approx(expected)


def test_an_unknown_measure_counts_only_where_it_is_weighed() -> None:
    lacking = row("A", 1, 1.0, None, 0.5, 0.5)
    assert score(lacking, {"size": 1, "growth": 1}, MEASURES) is None
    assert score(lacking, {"size": 1, "growth": 0}, MEASURES) == 100.0
    assert score(lacking, {"size": 1, "growth": 1}, ["size"]) == 100.0  # nobody has growth


def test_the_short_list() -> None:
    rows = [row("A", 50, 0.2, 0.2, 0.2, 0.2), row("B", 500, 0.9, 0.9, 0.9, 0.9), row("C", 600, 0.9, 0.9, 0.9, 0.9),
            row("D", 700, 0.1, None, 0.1, 0.1)]
    assert [(each.iso3, round(value, 6)) for each, value in ranked(rows)] == [("C", 90.0), ("B", 90.0), ("A", 20.0)]
    assert [each.iso3 for each, _ in ranked(rows, least=100)] == ["C", "B"]
