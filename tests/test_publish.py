"""Vintages put among those that are held, in a real database, in every order that matters."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from history.calendar import WEO
from history.model import GIVEN, OBSERVED, STATED, Vintage
from targets import Batch
from tests.history_db import GDP, batch, content, gdp, labels, publish, ranges
from tests.project import sql

NIGERIA = {"2024-04": "477.376 a", "2024-10": "476.468 a", "2025-04": "476.468 a", "2025-10": "645.682 a"}


def nigeria() -> list[Batch]:
    return [batch(label, gdp({"NGA": {2022: word}})) for label, word in NIGERIA.items()]


def observed(day: str, words: dict[str, dict[int, str]]) -> Batch:
    return batch(Vintage(WEO, f"observed-{day}", day, "", OBSERVED), gdp(words), channel="datamapper")


# --- one figure through the vintages ------------------------------------------------------------------------------


def test_nigeria_2022(tmp_path: Path) -> None:
    publish(tmp_path, nigeria())
    assert ranges(tmp_path, "NGA", 2022) == [
        ("2024-04", "2024-10", "477.376 a"), ("2024-10", "2025-10", "476.468 a"), ("2025-10", None, "645.682 a")]
    assert sql(tmp_path, "SELECT kind, old_text, new_text, round(change, 3), round(percent, 1) FROM fact_revision "
                         "ORDER BY vintage") == [
        ("revised", "477.376", "476.468", -0.908, -0.2), ("revised", "476.468", "645.682", 169.214, 35.5)]


def test_an_older_vintage_in_the_middle_splits_a_run(tmp_path: Path) -> None:
    a, b, c = (batch(label, gdp({"NGA": {2022: word}})) for label, word in
               (("2024-04", "1.0"), ("2024-10", "2.0"), ("2025-04", "1.0")))
    publish(tmp_path, [a], [c])
    assert ranges(tmp_path, "NGA", 2022) == [("2024-04", None, "1")]
    publish(tmp_path, [b])
    assert ranges(tmp_path, "NGA", 2022) == [
        ("2024-04", "2024-10", "1"), ("2024-10", "2025-04", "2"), ("2025-04", None, "1")]


def test_an_economy_that_vanishes_and_returns(tmp_path: Path) -> None:
    there = gdp({"USA": {2022: "1.0"}, "VEN": {2022: "5.0"}})
    publish(tmp_path, [batch("2024-04", there), batch("2024-10", gdp({"USA": {2022: "1.0"}})), batch("2025-04", there)])
    assert ranges(tmp_path, "VEN", 2022) == [("2024-04", "2024-10", "5"), ("2025-04", None, "5")]
    assert sql(tmp_path, "SELECT kind, vintage, old_text, new_text FROM fact_revision WHERE iso3 = 'VEN' "
                         "ORDER BY vintage") == [
        ("withdrawn", "2024-10-22  2024-10", "5", None), ("appeared", "2025-04-22  2025-04", None, "5")]


def test_a_new_year_has_not_appeared_since_nobody_spoke_for_it(tmp_path: Path) -> None:
    publish(tmp_path, [batch("2024-10", gdp({"USA": {2022: "1.0"}})),
                       batch("2025-04", gdp({"USA": {2022: "1.0", 2023: "2.0"}, "FRA": {2022: "1.0"}}))])
    assert sql(tmp_path, "SELECT iso3, year, kind FROM fact_revision") == [("FRA", 2022, "appeared")]


def test_a_report_of_some_between_two_whole_vintages(tmp_path: Path) -> None:
    whole = gdp({"USA": {2022: "1.0"}, "FRA": {2022: "5.0"}})
    some = batch("2024-10", gdp({"USA": {2022: "3.0"}}), complete=False)
    publish(tmp_path, [batch("2024-04", whole)], [batch("2025-04", whole)], [some])
    assert ranges(tmp_path, "USA", 2022) == [
        ("2024-04", "2024-10", "1"), ("2024-10", "2025-04", "3"), ("2025-04", None, "1")]
    assert ranges(tmp_path, "FRA", 2022) == [("2024-04", None, "5")]  # it says nothing of France
    assert sql(tmp_path, "SELECT iso3, vintage FROM dim_scope_key") == [("USA", "2024-10-22  2024-10")]


def test_what_a_report_said_counts_when_another_vintage_comes_between(tmp_path: Path) -> None:
    publish(tmp_path, [batch("2024-04", gdp({"USA": {2022: "1.0"}}))],
            [batch("2025-04", gdp({"USA": {2022: "1.0"}}), complete=False)],
            [batch("2024-10", gdp({"USA": {2022: "2.0"}}))])
    assert ranges(tmp_path, "USA", 2022) == [
        ("2024-04", "2024-10", "1"), ("2024-10", "2025-04", "2"), ("2025-04", None, "1")]


def test_one_indicator_first_and_more_later(tmp_path: Path) -> None:
    people = {("LP", "USA", 2022): "333.271 a"}
    money = gdp({"USA": {2022: "1.0"}})
    publish(tmp_path, [batch("2024-10", money)], [batch("2024-10", money | people, run="more")])
    assert ranges(tmp_path, "USA", 2022) == [("2024-10", None, "1")]
    assert ranges(tmp_path, "USA", 2022, "LP") == [("2024-10", None, "333.271 a")]
    publish(tmp_path / "b", [batch("2024-10", money | people)])
    assert content(tmp_path) == content(tmp_path / "b")
    assert len(sql(tmp_path, "SELECT * FROM etl_batch")) == 2


# --- printings ----------------------------------------------------------------------------------------------------


def test_a_later_update_with_other_figures_is_a_second_printing(tmp_path: Path) -> None:
    first = batch("2022-10", gdp({"CHN": {2022: "20256.411 f"}, "USA": {2022: "25035.164 f"}}))
    second = batch("2022-10+2022-11-30", gdp({"CHN": {2022: "18321.197 f"}, "USA": {2022: "25035.164 f"}}))
    for number, order in enumerate(permutations([first, second])):
        publish(tmp_path / str(number), *([each] for each in order))
        assert labels(tmp_path / str(number)) == ["2022-10", "2022-10+2022-11-30"]
        assert ranges(tmp_path / str(number), "CHN", 2022) == [
            ("2022-10", "2022-10+2022-11-30", "20256.411 f"), ("2022-10+2022-11-30", None, "18321.197 f")]
        assert ranges(tmp_path / str(number), "USA", 2022) == [("2022-10", None, "25035.164 f")]


def test_a_later_update_with_the_same_figures_revises_nothing(tmp_path: Path) -> None:
    words = gdp({"CHN": {2022: "20256.411 f"}})
    first, second = batch("2022-10", words, channel="bundled"), batch("2022-10+2022-11-30", words, channel="imf")
    for number, order in enumerate(permutations([first, second])):
        root = tmp_path / str(number)
        publish(root, *([each] for each in order))
        assert ranges(root, "CHN", 2022) == [("2022-10", None, "20256.411 f")]
        assert sql(root, "SELECT * FROM fact_revision") == []
        assert sorted(sql(root, "SELECT channel FROM etl_load")) == [("bundled",), ("imf",)]
    assert content(tmp_path / "0") == content(tmp_path / "1")


def test_a_third_printing_that_returns_to_the_first_in_any_order(tmp_path: Path) -> None:
    words = {"2022-10": "1.0", "2022-10+2022-10-30": "2.0", "2022-10+2022-11-30": "1.0"}
    printings = [batch(label, gdp({"CHN": {2022: word}})) for label, word in words.items()]
    for number, order in enumerate(permutations(printings)):
        publish(tmp_path / str(number), *([each] for each in order))
        assert ranges(tmp_path / str(number), "CHN", 2022) == [
            ("2022-10", "2022-10+2022-10-30", "1"), ("2022-10+2022-10-30", "2022-10+2022-11-30", "2"),
            ("2022-10+2022-11-30", None, "1")]


def test_printings_loaded_backwards(tmp_path: Path) -> None:
    words = {"2022-10": "1.0", "2022-10+2022-10-30": "2.0", "2022-10+2022-11-30": "3.0", "2023-04": "3.0"}
    printings = [batch(label, gdp({"CHN": {2022: word}})) for label, word in words.items()]
    publish(tmp_path / "a", *([each] for each in printings))
    publish(tmp_path / "b", *([each] for each in reversed(printings)))
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert ranges(tmp_path / "a", "CHN", 2022) == [
        ("2022-10", "2022-10+2022-10-30", "1"), ("2022-10+2022-10-30", "2022-10+2022-11-30", "2"),
        ("2022-10+2022-11-30", None, "3")]


def test_two_revisions_of_wikipedia_on_one_day(tmp_path: Path) -> None:
    def page(revision: str, at: str, value: str) -> Batch:
        vintage = Vintage("wikipedia-nominal", revision, "2025-01-07", at, STATED)
        return batch(vintage, gdp({"USA": {2025: value}}), complete=False, channel="wikipedia")

    pages = [page("1267927482", "", "1.0"), page("1267999999", "", "2.0"), page("999999999", "", "3.0")]
    for number, order in enumerate(permutations(pages)):
        publish(tmp_path / str(number), *([each] for each in order))
        assert ranges(tmp_path / str(number), "USA", 2025) == [
            ("999999999", "1267927482", "3"), ("1267927482", "1267999999", "1"), ("1267999999", None, "2")]


# --- what only the day of fetching dates --------------------------------------------------------------------------


def test_an_observed_day_with_known_figures_is_a_witness(tmp_path: Path) -> None:
    edition = batch("2024-10", gdp({"USA": {2022: "25.744 a"}, "FRA": {2022: "2.796 a"}}))
    day = observed("2025-01-09", {"USA": {2022: "25.74"}, "FRA": {2022: "2.8"}})
    for number, order in enumerate(permutations([edition, day])):
        root = tmp_path / str(number)
        publish(root, *([each] for each in order))
        assert labels(root) == ["2024-10"]
        assert ranges(root, "FRA", 2022) == [("2024-10", None, "2.796 a")]
        assert len(sql(root, "SELECT * FROM etl_load")) == 2
    assert content(tmp_path / "0") == content(tmp_path / "1")


def test_an_observed_day_with_other_figures_is_a_vintage(tmp_path: Path) -> None:
    edition = batch("2024-10", gdp({"USA": {2022: "25.744 a"}}))
    days = [observed("2025-01-09", {"USA": {2022: "26.1"}}), observed("2025-02-09", {"USA": {2022: "26.1"}})]
    for number, order in enumerate(permutations([edition, *days])):
        root = tmp_path / str(number)
        publish(root, *([each] for each in order))
        assert labels(root) == ["2024-10", "observed-2025-01-09"], order
        assert ranges(root, "USA", 2022) == [
            ("2024-10", "observed-2025-01-09", "25.744 a"), ("observed-2025-01-09", None, "26.1")]


def test_an_observed_day_that_still_has_the_edition_before(tmp_path: Path) -> None:
    publish(tmp_path, [batch("2024-10", gdp({"USA": {2022: "1.0"}})), batch("2025-04", gdp({"USA": {2022: "2.0"}}))],
            [observed("2025-04-25", {"USA": {2022: "1.0"}})])
    assert labels(tmp_path) == ["2024-10", "2025-04"]
    assert ranges(tmp_path, "USA", 2022) == [("2024-10", "2025-04", "1"), ("2025-04", None, "2")]


# --- no false revisions, no silent ones ---------------------------------------------------------------------------


def test_the_same_vintage_twice_adds_a_witness_only(tmp_path: Path) -> None:
    publish(tmp_path, nigeria())
    before = content(tmp_path)
    again = [batch(label, gdp({"NGA": {2022: word}}), run="again") for label, word in NIGERIA.items()]
    counts, = publish(tmp_path, again)
    assert (counts.figures, counts.ranges, counts.gone, counts.witnesses) == (0, 0, 0, 4)
    assert content(tmp_path) == before
    assert len(sql(tmp_path, "SELECT * FROM etl_load")) == 8


def test_a_rounded_neighbour_is_no_revision(tmp_path: Path) -> None:
    publish(tmp_path, [batch("2024-04", gdp({"NGA": {2022: "476.468 a"}})),
                       batch("2024-10", gdp({"NGA": {2022: "476.47 a"}}))])
    assert sql(tmp_path, "SELECT * FROM fact_revision") == []
    assert len(ranges(tmp_path, "NGA", 2022)) == 2  # what was written is kept all the same


def test_a_coarser_writing_of_the_same_vintage_changes_nothing(tmp_path: Path) -> None:
    fine, coarse = batch("2024-04", gdp({"NGA": {2022: "476.468 a"}})), batch("2024-04", gdp({"NGA": {2022: "476.47"}}))
    for number, order in enumerate(permutations([fine, coarse])):
        counts = publish(tmp_path / str(number), *([each] for each in order))
        assert ranges(tmp_path / str(number), "NGA", 2022) == [("2024-04", None, "476.468 a")]
        assert not any(each.conflicts for each in counts)


def same_figures(*vintages: Vintage, complete: bool = True) -> list[Batch]:
    """Return batches of these vintages with the very same figures, and so with one digest."""
    return [batch(vintage, gdp({"USA": {2022: "1.5"}}), dataset="table:own", complete=complete) for vintage in vintages]


def assert_equal_in_any_order(root: Path, batches: list[Batch]) -> None:
    """Publish each order in a database of its own; leaves the first as root/0."""
    for number, order in enumerate(permutations(batches)):
        publish(root / str(number), *([each] for each in order))
        assert content(root / str(number)) == content(root / "0")


def test_the_same_figures_as_a_report_of_all_widen_what_it_speaks_for(tmp_path: Path) -> None:
    own = Vintage("table:own", "2024", "2024-01-01")
    assert_equal_in_any_order(tmp_path, same_figures(own, complete=False) + same_figures(own))
    assert sql(tmp_path / "0", "SELECT first_year, last_year FROM dim_scope") == [(2022, 2022)]
    assert sql(tmp_path / "0", "SELECT * FROM dim_scope_key") == []


def test_the_same_figures_stated_later_than_given_are_stated(tmp_path: Path) -> None:
    assert_equal_in_any_order(tmp_path, same_figures(
        Vintage("table:own", "2024", "2024-01-01", "", OBSERVED), Vintage("table:own", "2024", "2024-01-01", "", GIVEN),
        Vintage("table:own", "2024", "2024-01-01")))
    assert sql(tmp_path / "0", "SELECT dating FROM dim_vintage") == [("stated",)]


def test_one_printing_dated_twice_with_the_same_figures(tmp_path: Path) -> None:
    assert_equal_in_any_order(tmp_path, same_figures(
        Vintage(WEO, "2027-04", "2027-04-01", "", GIVEN), Vintage(WEO, "2027-04", "2027-04-13", "", GIVEN),
        Vintage(WEO, "2027-04", "2027-04-01")))
    assert sql(tmp_path / "0", "SELECT published, dating FROM dim_vintage") == [("2027-04-13", "stated")]


def test_one_printing_dated_twice_of_which_one_says_nothing(tmp_path: Path) -> None:
    day, month = Vintage(WEO, "2027-04", "2027-04-13"), Vintage(WEO, "2027-04", "2027-04-01")
    assert_equal_in_any_order(tmp_path, [batch(day, {}, ()), batch(month, gdp({"USA": {2022: "1.5"}}))])
    assert labels(tmp_path / "0") == ["2027-04"]


@pytest.mark.parametrize(("one", "other"), [
    ("\u6771", "\u897f"), ("a b", "a-b"), ("x" * 120, "x" * 120 + "y"), ("v1", "v01")])
def test_labels_that_a_folder_cannot_tell_apart_are_two_vintages(tmp_path: Path, one: str, other: str) -> None:
    publish(tmp_path, same_figures(Vintage("table:own", one), Vintage("table:own", other)))
    assert sorted(labels(tmp_path)) == sorted([one, other])


def test_an_observed_day_takes_nothing_from_the_edition_of_that_day(tmp_path: Path) -> None:
    before, own = (Vintage("table:own", day, day) for day in ("2024-03-01", "2024-03-28"))
    seen = replace(own, dating=OBSERVED, dataset=WEO)
    editions = [replace(each, vintage=replace(each.vintage, dataset=WEO)) for each in same_figures(before, own)]
    assert_equal_in_any_order(tmp_path, [*editions, batch(seen, gdp({"USA": {2022: "1.5"}}))])
    assert sql(tmp_path / "0", "SELECT label, dating FROM dim_vintage ORDER BY label") == [
        ("2024-03-01", "stated"), ("2024-03-28", "stated")]


def test_a_day_that_still_has_the_edition_parts_no_two_days(tmp_path: Path) -> None:
    days = [batch("2024-04", gdp({"USA": {2022: "1.0"}})), observed("2024-05-01", {"USA": {2022: "2.0"}}),
            observed("2024-06-01", {"USA": {2022: "1.0"}}), observed("2024-07-01", {"USA": {2022: "2.0"}})]
    publish(tmp_path / "at-once", days)
    publish(tmp_path / "one-by-one", *([day] for day in days))
    assert content(tmp_path / "at-once") == content(tmp_path / "one-by-one")
    assert labels(tmp_path / "at-once") == ["2024-04", "observed-2024-05-01"]


def test_one_altered_cell_is_one_conflict_and_the_better_channel_counts(tmp_path: Path) -> None:
    words = {"SEN": {2028: "-12.405 f", 2027: "1.0 f"}, "USA": {2028: "5.0 f"}}
    bundled = batch("2023-10", gdp(words), channel="bundled")
    altered = batch("2023-10", gdp(words | {"SEN": {2028: "2 f", 2027: "1 f"}}), channel="weo")
    for number, order in enumerate(permutations([bundled, altered])):
        counts = publish(tmp_path / str(number), *([each] for each in order))[-1]
        found, = counts.conflicts
        assert (found.iso3, found.year, found.kept_by, found.left_by) == ("SEN", "2028", "bundled", "weo")
        assert ranges(tmp_path / str(number), "SEN", 2028) == [("2023-10", None, "-12.405 f")]
    assert content(tmp_path / "0") == content(tmp_path / "1")


def test_absence_against_a_figure_is_a_conflict(tmp_path: Path) -> None:
    counts = publish(tmp_path, [batch("2024-04", gdp({"USA": {2022: "1.0"}, "FRA": {2022: "2.0"}}), channel="bundled")],
                     [batch("2024-04", gdp({"USA": {2022: "1.0"}}), channel="weo")])[-1]
    assert [(c.iso3, c.kept and c.kept[0], c.left) for c in counts.conflicts] == [("FRA", "2", None)]
    assert ranges(tmp_path, "FRA", 2022) == [("2024-04", None, "2")]


def test_one_changed_cell_is_one_revision(tmp_path: Path) -> None:
    words = {iso3: dict.fromkeys(range(2000, 2020), "1.234 a") for iso3 in ("USA", "FRA", "DEU")}
    later = words | {"FRA": words["FRA"] | {2010: "1.235 a"}}
    publish(tmp_path, [batch("2024-04", gdp(words)), batch("2024-10", gdp(later))])
    assert sql(tmp_path, "SELECT iso3, year, kind, old_text, new_text FROM fact_revision") == [
        ("FRA", 2010, "revised", "1.234", "1.235")]


def test_a_forecast_that_turned_actual_is_confirmed(tmp_path: Path) -> None:
    publish(tmp_path, [batch("2024-04", gdp({"USA": {2023: "27.36 f"}, "FRA": {2023: "3.05 f"}})),
                       batch("2024-10", gdp({"USA": {2023: "27.36 a"}, "FRA": {2023: "3.06 a"}}))])
    assert sql(tmp_path, "SELECT iso3, kind FROM fact_revision ORDER BY iso3") == [
        ("FRA", "revised"), ("USA", "confirmed")]


# --- any order ----------------------------------------------------------------------------------------------------

ISO3 = ("USA", "FRA", "NGA")
CELL = st.sampled_from(["", "1.0", "1.0 a", "2.50 f", "2.5 f"])
ONE = st.tuples(st.sampled_from(["2023-04", "2023-10", "2024-04", "2024-10", "2023-10+2023-11-30", "2025-04"]),
                st.booleans(), st.lists(CELL, min_size=6, max_size=6), st.sampled_from([GDP, "LP"]))


def made(one: tuple[str, bool, list[str], str]) -> Batch:
    label, complete, cells, indicator = one
    keys = [(indicator, iso3, year) for iso3 in ISO3 for year in (2022, 2023)]
    told = {key: cell for key, cell in zip(keys, cells, strict=True) if cell}
    return batch(label, told, {indicator: (2022, 2023)}, complete=complete)


@given(several=st.lists(ONE, min_size=1, max_size=6, unique_by=lambda one: (one[0], one[3])), data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
def test_any_order_of_loading_ends_in_the_same_content(
        tmp_path_factory: pytest.TempPathFactory, several: list[tuple[str, bool, list[str], str]],
        data: st.DataObject) -> None:
    root = tmp_path_factory.mktemp("any")
    batches = [made(one) for one in several]
    order = data.draw(st.permutations(batches))
    cut = data.draw(st.integers(0, len(order)))
    publish(root / "at-once", sorted(batches, key=lambda each: each.vintage.key))
    rest = sorted(order[cut:], key=lambda each: each.vintage.key)
    groups = [[each] for each in order[:cut]] + ([rest] if rest else [])
    publish(root / "one-by-one", *groups)
    assert content(root / "at-once") == content(root / "one-by-one")


def test_a_loss_is_seen_in_every_indicator(tmp_path: Path) -> None:
    money = gdp({"USA": {2022: "1.0"}, "FRA": {2022: "2.0"}})
    people = {("LP", "USA", 2022): "333.271 a", ("LP", "FRA", 2022): "67.8 a"}
    later = money | {("LP", "USA", 2022): "333.271 a"}
    counts, = publish(tmp_path, [batch("2024-04", money | people), batch("2024-10", later)])
    assert [(loss.indicator, loss.gone, loss.figures_lost, loss.figures) for loss in counts.losses] == [
        ("LP", ["FRA"], 1, 2)]
