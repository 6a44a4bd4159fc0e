"""The days of the World Economic Outlook, its labels, and which of its years are actual."""

from __future__ import annotations

import re
import warnings
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from history.calendar import (
    WEO_PUBLISHED,
    Printing,
    first_day,
    iso_day,
    last_actual_year,
    parse_printing,
    parse_vintage_option,
    status_of,
    weo_label,
    weo_label_of_date,
    weo_vintage,
)
from history.model import GIVEN, Vintage


@pytest.mark.parametrize(("label", "day"), [
    ("2019-04", "2019-04-09"), ("2019-10", "2019-10-15"), ("2020-04", "2020-04-14"), ("2020-10", "2020-10-13"),
    ("2021-04", "2021-04-06"), ("2021-10", "2021-10-12"), ("2022-04", "2022-04-19"), ("2022-10", "2022-10-11"),
    ("2023-04", "2023-04-11"), ("2023-10", "2023-10-10"), ("2024-04", "2024-04-16"), ("2024-10", "2024-10-22"),
    ("2025-04", "2025-04-22"), ("2025-10", "2025-10-14"), ("2030-04", "2030-04-01"), ("2012-10", "2012-10-01"),
], ids=lambda text: text)
def test_an_edition_is_dated_by_its_known_day_else_the_first_of_its_month(label: str, day: str) -> None:
    assert weo_vintage(label) == Vintage("imf-weo", label, day, "", "stated")


def test_a_second_printing_and_how_it_was_dated_are_kept() -> None:
    vintage = weo_vintage("2025-10", "2025-11-19T21:00:00Z", GIVEN)
    assert vintage == Vintage("imf-weo", "2025-10", "2025-10-14", "2025-11-19T21:00:00Z", "given")
    assert vintage.key > weo_vintage("2025-10").key


def test_every_known_day_is_in_the_month_of_its_label_and_in_order() -> None:
    assert [day[:7] for day in WEO_PUBLISHED.values()] == list(WEO_PUBLISHED)
    days = [date.fromisoformat(day) for day in WEO_PUBLISHED.values()]
    assert days == sorted(set(days))
    assert {day.strftime("%w") for day in days} <= {"1", "2"}, "they come out on a Tuesday, once on a Monday"


@pytest.mark.parametrize(("text", "label"), [
    ("October 2022", "2022-10"), ("APRIL 2019", "2019-04"), ("september 2011", "2011-09"), ("January 2030", "2030-01"),
    (" October,  2025 ", "2025-10"), ("December 1999", "1999-12"),
])
def test_the_label_in_the_imfs_own_words(text: str, label: str) -> None:
    assert weo_label(text) == label


@pytest.mark.parametrize("text", ["", "2022", "Octobre 2022", "October", "October 22", "October 2022 (updated)",
                                  "10 2022", "October2022", "oktober 2022", "OCTOBER ٢٠٢٢"])
def test_other_words_are_no_label(text: str) -> None:
    with pytest.raises(ValueError, match="such as October 2022"):
        weo_label(text)


@pytest.mark.parametrize(("text", "label"), [
    ("2025-10-14T13:00:00Z", "2025-10"), ("2025-10-14", "2025-10"), ("2011-09-20 09:00", "2011-09"),
])
def test_the_label_of_a_day_keeps_the_publishers_month(text: str, label: str) -> None:
    assert weo_label_of_date(text) == label


@pytest.mark.parametrize("text", ["", "2025-10", "14/10/2025", "2025-13-01", "2025-02-30", "20251014", "2025-10-14x"])
def test_other_texts_are_no_day(text: str) -> None:
    with pytest.raises(ValueError):
        weo_label_of_date(text)


@pytest.mark.parametrize(("text", "label", "updated"), [
    ("2025-10", "2025-10", ""), (" 2019-04 ", "2019-04", ""), ("2022-10+2022-11-30", "2022-10", "2022-11-30"),
    ("2022-10+2022-10-01", "2022-10", "2022-10-01"), (" 2022-10+2023-01-02 ", "2022-10", "2023-01-02"),
    ("2025-10+2025-11-19T21:00:00Z", "2025-10", "2025-11-19T21:00:00Z"),
    ("2025-10+2025-11-19T21-00-00Z", "2025-10", "2025-11-19T21:00:00Z"),
    ("2025-10+2025-11-19 21:00", "2025-10", "2025-11-19T21:00:00Z"),
    ("2025-10+2025-11-20T01:00:00.5+04:00", "2025-10", "2025-11-19T21:00:00Z"),
])
def test_a_vintage_as_typed(text: str, label: str, updated: str) -> None:
    assert parse_vintage_option(text) == Printing(label, updated) == parse_printing(text)


@pytest.mark.parametrize("vintage", [weo_vintage("2022-10"), weo_vintage("2022-10", "2022-11-30"),
                                     weo_vintage("2025-10", "2025-11-19T21:00:00Z")], ids=lambda each: each.slug)
def test_the_name_of_a_vintages_folder_and_what_is_typed_are_one(vintage: Vintage) -> None:
    printing = parse_vintage_option(vintage.slug)
    assert weo_vintage(*printing) == vintage
    assert parse_vintage_option(str(printing)) == printing


@pytest.mark.parametrize(("text", "words"), [
    ("2022-10+2022-13-01", "names an update that is no date: 2022-13-01"),
    ("2022-10+2022-02-30", "names an update that is no date: 2022-02-30"),
    ("2022-10+2022-11-30T25:00", "names an update that is no date: 2022-11-30T25:00"),
    ("2022-10+2022-09-30", "an update of 2022-09-30, before the edition's own month"),
    ("2022-10+2022-10-01T00:30+01:00", "an update of 2022-09-30, before the edition's own month"),
    ("2022-10+", "A vintage is a year and a month"), ("2022-10+later", "A vintage is a year and a month"),
    ("2022-10+2022-11", "A vintage is a year and a month"), ("+2022-11-30", "A vintage is a year and a month"),
    ("2022-10+2022-11-30+2022-12-01", "A vintage is a year and a month"),
    ("2022+2022-11-30", "A vintage is a year and a month"),
])
def test_a_printing_that_cannot_be_is_refused_with_a_sentence(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        parse_vintage_option(text)


@pytest.mark.parametrize(("text", "label", "updated"), [
    ("v1+b", "v1+b", ""), ("v1+b+2022-11-30", "v1+b", "2022-11-30"), ("a+2022", "a+2022", ""),
    ("2022-11-30", "2022-11-30", ""), ("2022-01-01+2022-11-30", "2022-01-01", "2022-11-30"),
    ("a+2022-01-01+2022-11-30", "a+2022-01-01", "2022-11-30"), ("a+2022-11-30b", "a+2022-11-30b", ""),
    ("2024-25+2024-12-01", "2024-25", "2024-12-01"), ("2022+2022-01-01", "2022", "2022-01-01"), ("", "", ""),
])
def test_any_label_is_split_only_where_a_date_ends_it(text: str, label: str, updated: str) -> None:
    assert parse_printing(text) == Printing(label, updated)


@pytest.mark.parametrize(("label", "day"), [
    ("2022", "2022-01-01"), ("2022-10", "2022-10-01"), ("2022-10-11", "2022-10-11"), ("2024-25", ""),
    ("2023-02-30", ""), ("v2", ""), ("", ""), ("20221011", ""),
])
def test_the_first_day_of_a_label(label: str, day: str) -> None:
    assert first_day(label) == day


@pytest.mark.parametrize("text", ["", "2025", "2025-13", "2025-00", "2025-4", "25-10", "October 2025", "2025-10-14",
                                  "2025-10\n2025-04", "٢٠٢٥-10", "../2025-10"])
def test_a_label_of_another_form_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="A vintage is a year and a month, such as 2025-10"):
        parse_vintage_option(text)
    with pytest.raises(ValueError, match="A vintage is a year and a month"):
        weo_vintage(text)


@pytest.mark.parametrize(("text", "year"), [
    ("2024", 2024), ("2024.0", 2024), ("2003.0", 2003), (" 2024 ", 2024), ("FY2024", 2024),
    ("FY2023/24", 2024), ("FY2024/25", 2025), ("FY2012/13", 2013), ("FY1999/00", 2000), ("2017/18", 2018),
    ("FY2022/23.", 2023), ("FY2023/2024", 2024), ("FY 2023-24", 2024), ("fy2023/24", 2024),
    ("", None), (None, None), ("0.0", None), ("0", None), ("NULL", None), ("nan", None), ("n/a", None),
    ("2024.5", None), ("FY2023/25", None), ("FY2023/23", None), ("20245", None), ("1066", None), ("2024-10-14", None),
])
def test_the_last_actual_year(text: str | None, year: int | None) -> None:
    assert last_actual_year(text) == year


@given(st.text(max_size=30))
def test_any_text_has_a_last_actual_year_or_none(text: str) -> None:
    year = last_actual_year(text)
    assert year is None or 1900 <= year <= 2100


@pytest.mark.parametrize(("year", "last", "status"), [
    (2024, 2024, "actual"), (1980, 2024, "actual"), (2025, 2024, "forecast"), (2024, None, ""),
])
def test_the_status_of_a_year(year: int, last: int | None, status: str) -> None:
    assert status_of(year, last) == status


def test_fiscal_years_are_counted_as_the_imf_itself_counts_them(captures: Path) -> None:
    """In the whole database of October 2023, each series says its last fiscal year in words and in a number."""
    openpyxl = pytest.importorskip("openpyxl")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        book = openpyxl.load_workbook(captures / "weo" / "WEOOct2023all.xlsx", read_only=True)
    rows = book.worksheets[0].iter_rows(values_only=True)
    header = list(next(rows))
    notes, start = header.index("Country/Series-specific Notes"), header.index("Estimates Start After")
    said = [(found[1], int(row[start])) for row in rows if len(row) > start and row[start] is not None
            and (found := re.search(r"Latest actual data: (FY\d{4}/\d\d)\b", row[notes] or ""))]
    book.close()
    assert len(said) == 371
    assert [pair for pair in said if last_actual_year(pair[0]) != pair[1]] == []


@pytest.mark.parametrize(("text", "day"), [
    ("2025-02-28", "2025-02-28"), ("2024-02-29", "2024-02-29"), ("2025-02-29", ""), ("2025-02", ""), ("v2", ""),
    ("", ""),
])
def test_a_day_that_the_calendar_has(text: str, day: str) -> None:
    assert iso_day(text) == day
