"""history.asof and rules.picture: which vintage a label or a date means, and which year a picture is of."""

from __future__ import annotations

import pytest

from history.asof import Edition, find, nearest, short_names
from history.model import Vintage
from rules.picture import candidate_years, filled_year


def edition(label: str, published: str, updated: str = "") -> Edition:
    return Edition(Vintage("imf-weo", label, published, updated), f"{published} {updated} {label}", False, "bundled")


WEO = [edition("2024-04", "2024-04-16"), edition("2024-10", "2024-10-22"), edition("2025-04", "2025-04-22"),
       edition("2025-04", "2025-04-22", "2025-05-02T09:00:00Z")]
BANK = [edition("2024-03-28", "2024-03-28"), edition("2024-06-28", "2024-06-28")]


@pytest.mark.parametrize(("text", "place"), [
    ("2024-04", 0), ("2025-04", 3), ("2025-04+2025-04-22", 2), ("2025-04+2025-05-02", 3),
    ("2025-04+2025-05-02T09:00:00Z", 3),
    ("2025-04+2025-05-02T09-00-00Z", 3), ("2024-04-16", 0), ("2024-10-21", 0), ("2024-10-22", 1), ("2025-04-22", 2),
    ("2025-05-01", 2), ("2025-05-02", 3), ("2999-01-01", 3), ("2024-04-15", None), ("2024-11", None),
    ("2025-04+2025", None), ("2025-04+2025-05-03", None), ("", None), ("today", None),
])
def test_find(text: str, place: int | None) -> None:
    assert find(WEO, text) == (None if place is None else WEO[place])


def test_a_label_that_is_a_date_wins() -> None:
    late = [edition("2024-03-28", "2024-01-01"), edition("x", "2024-03-01")]
    assert find(late, "2024-03-28") == late[0]
    assert find(BANK, "2024-06-27") == BANK[0]


def test_a_vintage_without_a_date_is_of_no_day() -> None:
    assert find([edition("a", ""), edition("b", "2024-01-01")], "2023-01-01") is None


@pytest.mark.parametrize(("text", "place"), [
    ("2024-11", 1), ("2024-12-01", 1), ("2020-01", 0), ("1999-01-01", 0), ("2024_04", 0), ("2025-4", 3),
])
def test_nearest(text: str, place: int) -> None:
    assert nearest(WEO, text) == WEO[place]


def test_short_names_tell_printings_apart() -> None:
    assert list(short_names(WEO).values()) == ["2024-04", "2024-10", "2025-04+2025-04-22", "2025-04+2025-05-02"]


@pytest.mark.parametrize(("years", "wanted", "found"), [
    (range(1980, 2030), 2024, [2020, 2021, 2022, 2023, 2024]), (range(1960, 2024), 2024, list(range(2019, 2024))),
    ([2022, 2024], 2024, [2022, 2024]), ([2030], 2024, [2030]), ([], 2024, []),
], ids=["the wanted one", "not reached yet", "a gap", "only later ones", "none"])
def test_candidate_years(years: range | list[int], wanted: int, found: list[int]) -> None:
    assert candidate_years(list(years), wanted) == found


@pytest.mark.parametrize(("figures", "year"), [
    ({2022: 190, 2023: 190, 2024: 95}, 2024), ({2022: 190, 2023: 189, 2024: 94}, 2023), ({2024: 0}, 2024), ({}, 0),
], ids=["half is enough", "less is not", "no figures at all", "no years"])
def test_filled_year(figures: dict[int, int], year: int) -> None:
    assert filled_year(figures) == year
