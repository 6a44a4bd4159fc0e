"""The gates: every number in one place, and what each refuses or only reports."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from history.losses import Loss
from history.merge import Conflict
from rules import gates
from rules.gates import Census, Finding


def census(dataset: str = "imf-weo", count: int = 190, **changes: Any) -> Census:
    """A vintage with nothing wrong: `count` economies, the majors among them, the World row their sum."""
    gdp = {f"X{number:02d}": Decimal(200) for number in range(count - 4)}
    gdp |= {"USA": Decimal(29000), "CHN": Decimal(18000), "JPN": Decimal(4000), "DEU": Decimal(4600)}
    content = {"dataset": dataset, "vintage": "October 2025", "year": 2025, "gdp": gdp,
               "world": sum(gdp.values(), Decimal(0)), "names": count, "unknown": (), **changes}
    return Census(**content)


def found(told: Census) -> list[tuple[str, bool]]:
    return [(finding.gate, finding.fatal) for finding in gates.judge(told)]


def test_nothing_wrong() -> None:
    assert gates.judge(census()) == []


@pytest.mark.parametrize(("dataset", "least"), [("imf-weo", 180), ("worldbank-wdi", 150), ("wikipedia-nominal", 170)])
def test_fewest_economies_of_each_dataset(dataset: str, least: int) -> None:
    assert found(census(dataset, least)) == []
    assert gates.judge(census(dataset, least - 1)) == [
        Finding("economies", f"{least - 1} economies have GDP, at least {least} are expected", True)]


def test_economies_are_counted_over_all_years_so_that_an_early_picture_is_no_fault() -> None:
    held = frozenset(f"E{number}" for number in range(196)) | {"USA", "CHN", "JPN", "DEU"}
    gdp = {iso3: value for iso3, value in census(count=144).gdp.items() if iso3 != "DEU"}
    assert found(census(gdp=gdp, world=None, economies=held, year=1980)) == []


def test_a_picture_without_any_economy_is_refused() -> None:
    assert gates.judge(census("table:mine", gdp={}, economies=frozenset({"USA"}), world=None)) == [
        Finding("economies", "no economy has GDP in 2025", True)]


def test_majors_are_named() -> None:
    whole = census().gdp
    without = {iso3: value for iso3, value in whole.items() if iso3 not in ("CHN", "DEU")}
    assert Finding("majors", "no GDP of CHN, DEU", True) in gates.judge(census(gdp=without, world=None))


@pytest.mark.parametrize(("unknown", "fatal"), [(3, False), (4, False), (5, True)])
def test_two_percent_of_names_may_be_unknown(unknown: int, fatal: bool) -> None:
    names = [f"Land {n}" for n in range(unknown)]
    assert gates.judge(census(names=200, unknown=names)) == [
        Finding("unmatched", f"{unknown} of 200 names are unknown: {', '.join(names)}", fatal)]


def test_unknown_names_are_cut_counted_and_shown_without_control_characters() -> None:
    text = gates.judge(census(names=12, unknown=["A" * 1000, "\x1b[2Jx\n", *("B" * 10)]))[0].text
    assert text == "12 of 12 names are unknown: " + "A" * 60 + ", \\x1b[2Jx\\n, B, B, B, B, B, B, B, B and 2 more"


@pytest.mark.parametrize(("factor", "told"), [("1.02", []), ("0.98", []), ("1.0201", [("world", True)]),
                                              ("0.979", [("world", True)]), ("10", [("world", True)])])
def test_world_within_two_percent(factor: str, told: Sequence[tuple[str, bool]]) -> None:
    assert found(census(world=sum(census().gdp.values(), Decimal(0)) * Decimal(factor))) == told


def test_a_world_row_typed_by_hand_is_reported_and_not_trusted() -> None:
    told = gates.judge(census("wikipedia-nominal", world=Decimal(1115494)))
    assert [(finding.gate, finding.fatal) for finding in told] == [("world", False)]
    assert "says 1,115,494 billion, the economies sum to 92,800" in told[0].text
    assert "the row is not used" in told[0].text


def test_no_economy_over_forty_percent() -> None:
    gdp = dict(census().gdp)
    rest = sum(gdp.values(), Decimal(0)) - gdp["USA"]
    assert found(census(gdp=gdp | {"USA": rest * 2 / 3 - 1}, world=None)) == []
    over = gates.judge(census(gdp=gdp | {"USA": rest * 2 / 3 + 1}, world=None))
    assert over == [Finding("share", "USA alone is 40% of the sum in 2025", True)]


def test_jumps_name_the_economies_up_to_forty() -> None:
    codes = [f"C{n:02d}" for n in range(45)]
    told = gates.judge(census(jumps=[f"{code} NGDPD is 1 in 2000 and 999 in 2001" for code in codes], jumped=codes))
    assert [finding.gate for finding in told] == ["jump"] and told[0].fatal
    assert "C00, C01" in told[0].text and "C39 and 5 more" in told[0].text and "C40," not in told[0].text


def test_a_users_own_table_may_be_small_and_uneven() -> None:
    small = census("table:mine", gdp={"USA": Decimal(90), "FRA": Decimal(10)}, names=2, world=Decimal(500))
    assert found(small) == [("world", False)]


def test_a_picture_of_another_indicator_is_not_judged_as_gdp() -> None:
    inflation = {"VEN": Decimal(65000), "USA": Decimal(2)}
    assert found(census(indicator="PCPIPCH", gdp=inflation, world=Decimal(4))) == []
    assert found(census(indicator="LP", gdp={"IND": Decimal(1400)}, world=Decimal(8000))) == [("world", False)]


HELD = ["USA", "CHN", *(f"X{number:02d}" for number in range(98))]


@pytest.mark.parametrize(("gone", "fatal"), [
    ([], None), (["X05", "X06"], False), (["X05", "X06", "X07"], True), (["CHN"], True)])
def test_a_list_that_lost_economies_of_the_picture(gone: list[str], fatal: bool | None) -> None:
    shown = {iso3 for iso3 in HELD if iso3 not in gone} | {"NEW"}
    found = gates.judge_list("wikipedia-nominal", HELD, shown, "wikipedia-nominal rev7")
    assert [each.fatal for each in found] == ([] if fatal is None else [fatal])
    text = f"wikipedia-nominal rev7 lacks {len(gone)} of 100 economies of the picture that is held: {' '.join(gone)}"
    assert [each.text for each in found] == ([text] if gone else [])
    assert gates.judge_list("table:own", HELD, shown, "t") == []


def test_worst_first() -> None:
    told = found(census("wikipedia-nominal", 10, world=Decimal(1), unknown=["x"], names=1000))
    assert [fatal for _, fatal in told] == sorted((fatal for _, fatal in told), reverse=True)
    assert {gate for gate, _ in told} == {"economies", "unmatched", "world", "share"}


def test_every_gate_has_a_name_for_accept() -> None:
    worst = census(gdp={"X": Decimal(1)}, world=Decimal(9), unknown=["x"], names=1, jumps=["X"], jumped=["X"])
    assert {gate for gate, _ in found(worst)} == set(gates.OF_FIGURES)
    lost = Loss("a", "b", "NGDPD", frozenset(), frozenset(), economies=1, figures=1, gone=["USA"],
                lost={"USA": ["2022"]})
    conflict = Conflict("a", "NGDPD", "USA", "2022", ("1", "0", ""), "imf", None, "weo", "")
    history = gates.judge_losses([lost], "imf-weo", str) + gates.judge_conflicts([conflict], str)
    assert {finding.gate for finding in history} == set(gates.OF_HISTORY)
    assert all(finding.fatal for finding in history)
