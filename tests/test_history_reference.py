"""The reference that the history is held against, itself held against cases made by hand and counts made elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.history_reference import (
    Figures,
    Range,
    Spoken,
    areas,
    figures,
    is_group,
    last_actual,
    moved,
    ngdpd_tables,
    pairs,
    plain,
    ranges,
    speaks,
    text_of,
)

KEY = ("NGDPD", "NGA", 2022)
OTHER = ("NGDPD", "KOR", 2022)
EDITIONS = ("2023-10", "2024-04", "2024-10", "2025-04")


def told(*texts: str | None, flag: int | None = 0, silent: tuple[str, ...] = ()) -> tuple[Figures, Spoken]:
    """Return the figures of KEY, an edition each; OTHER is there whenever an edition speaks for the year."""
    held: Figures = {edition: {} for edition in EDITIONS}
    for edition, text in zip(EDITIONS, texts, strict=True):
        if edition not in silent:
            held[edition][OTHER] = ("1", 0)
        if text is not None:
            held[edition][KEY] = (text, flag)
    return held, {edition: {(key[0], key[2]) for key in rows} for edition, rows in held.items()}


def test_a_value_that_comes_back_is_three_ranges() -> None:
    assert ranges(*told("A", "B", "A", "A"))[KEY] == [
        Range("2023-10", "2024-04", "A", 0), Range("2024-04", "2024-10", "B", 0), Range("2024-10", None, "A", 0)]


def test_absence_ends_a_range_and_the_same_value_begins_another() -> None:
    assert ranges(*told("A", None, "A", None))[KEY] == [
        Range("2023-10", "2024-04", "A", 0), Range("2024-10", "2025-04", "A", 0)]


def test_silence_ends_nothing() -> None:
    assert ranges(*told("A", None, "A", "A", silent=("2024-04",)))[KEY] == [Range("2023-10", None, "A", 0)]


def test_silence_does_not_date_a_change() -> None:
    assert ranges(*told("A", None, "B", None, silent=("2024-04", "2025-04")))[KEY] == [
        Range("2023-10", "2024-10", "A", 0), Range("2024-10", None, "B", 0)]


def test_the_flag_is_part_of_the_value_unless_left_out() -> None:
    held, spoken = told("A", "A", "A", "A", flag=1)
    held["2024-10"][KEY] = held["2025-04"][KEY] = ("A", 0)
    assert [each[2:] for each in ranges(held, spoken)[KEY]] == [("A", 1), ("A", 0)]
    assert ranges(plain(held), spoken)[KEY] == [Range("2023-10", None, "A", None)]
    assert [pair.confirmed for pair in pairs(held, spoken)] == [set(), {KEY}, set()]


def test_a_pair_tells_withdrawn_from_a_year_nobody_speaks_of() -> None:
    first, second, third = pairs(*told("A", None, None, "B", silent=("2024-10",)))
    assert (first.withdrawn, first.lost, first.dropped_years) == ({KEY}, {"NGA"}, set())
    assert (second.withdrawn, second.lost, second.dropped_years) == (set(), set(), {OTHER})
    assert (third.appeared, third.new_years, third.gained) == (set(), {KEY, OTHER}, set())


def test_a_pair_tells_appeared_and_revised() -> None:
    first, second, third = pairs(*told(None, "100", "121", "100"))
    assert (first.appeared, first.gained) == ({KEY}, {"NGA"})
    assert second.revised == {KEY: (("100", 0), ("121", 0))}
    assert moved(second, 2022) == {"NGA": pytest.approx(0.21)}
    assert moved(third, 2022) == {} == moved(second, 2021)


@pytest.mark.parametrize(("value", "shift", "text"), [
    (476.4700000000001, 0, "476.47"), (54862.84799999991, 0, "54862.848"), (-0.0, 0, "0"), (-0.0001, 0, "0"),
    (100.0, 0, "100"), (0.5, 0, "0.5"), (1.234, 9, "1234000000"), (55880392171150.5, 0, "55880392171150.5"),
    (6.838580806423699e16, 0, "68385808064236990"), (658930002302.8582, 0, "658930002302.858")])
def test_text_is_canonical(value: float, shift: int, text: str) -> None:
    assert text_of(value, shift) == text


@pytest.mark.parametrize(("said", "year"), [
    ("2024", 2024), ("2024.0", 2024), ("FY2023/24", 2024), ("FY1999/00", 2000), ("0.0", None), ("", None),
    (None, None)])
def test_the_last_actual_year(said: str | None, year: int | None) -> None:
    assert last_actual(said) == year


def test_the_map_tells_economies_from_groups(captures: Path) -> None:
    name_of = areas(captures)
    assert [name_of[code] for code in ("967", "KOS", "487", "WBG", "512", "110", "123")] == [
        "XKX", "XKX", "PSE", "PSE", "AFG", "G110", "GX123"]
    assert sum(not is_group(area) for area in set(name_of.values())) == 196


def test_the_panel_and_the_ten_tables_agree(captures: Path) -> None:
    held = figures(captures, ["NGDPD"], groups=True)
    assert held == ngdpd_tables(captures, groups=True)
    assert sum(map(len, held.values())) == 93989


def test_the_ranges_of_a_reviewer(captures: Path) -> None:
    held, spoken = figures(captures, groups=True), speaks(captures)
    assert sum(map(len, held.values())) == 454529
    assert sum(map(len, ranges(plain(held), spoken).values())) == 145344


def test_what_neighbouring_editions_did_to_gdp(captures: Path) -> None:
    found = pairs(figures(captures, ["NGDPD"]), speaks(captures, ["NGDPD"]))
    assert [len(pair.revised) for pair in found] == [2410, 2265, 2242, 2127, 2204, 2214, 2658, 2398, 2244]
    assert [len(pair.withdrawn) for pair in found] == [24, 9, 5, 0, 17, 0, 2, 3, 1]
    assert [len(pair.appeared) for pair in found] == [28, 11, 19, 3, 9, 4, 3, 4, 39]
    assert [len(pair.new_years) for pair in found] == [0, 189, 0, 189, 0, 188, 0, 187, 0]
    assert [len(pair.confirmed) for pair in found] == [10, 28, 15, 19, 13, 12, 14, 10, 14]
    assert (found[0].gained, found[-1].gained) == ({"AND"}, {"LIE"})
    assert moved(found[-1], 2025).keys() == {"GHA", "NGA", "RUS", "SSD", "VEN", "ZWE"}
