"""sources.table: which column holds what, units, vintages, datasets; every file written by the tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from history.model import GIVEN, OBSERVED
from pipeline.errors import UsageError
from sources import Request, available, open_source
from sources._columns import Unclear, recognise
from sources._units import scale_word
from sources.table import Source, dataset_of
from tests.tables import CSV, batches, consumed, read, save


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    return partial(save, tmp_path)

# --- columns ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [
    "economy,date,GDP", "Country Name,TIME_PERIOD,OBS_VALUE", "ref_area,Year,amount", "ISO3,period,GDP (US$ billion)",
    "location,time,GDP_USD_million", "Country/Territory,year,value", " COUNTRY , Year , Value ",
])
def test_common_names_are_recognised(header: str) -> None:
    found = recognise(header.split(","), {})
    assert (max(found.name, found.code), found.year, found.value) == (0, 1, 2)


@pytest.mark.parametrize(("header", "problem", "option"), [
    ("country,year,period,value", "2 columns could be the year: year, period",
     "country=country,year=COLUMN,value=value"),
    ("country,name,year,value", "2 columns could be the country: country, name",
     "country=COLUMN,year=year,value=value"),
    ("country,year,GDP,value", "2 columns could be the value: GDP, value", "country=country,year=year,value=COLUMN"),
    ("land,year,value", "no column is named like a country", "country=COLUMN,year=year,value=value"),
    ("country,jahr,value", "no column is named like a year", "country=country,year=COLUMN,value=value"),
    ("country,year,gdp_ppp", "no column is named like a value", "country=country,year=year,value=COLUMN"),
])
def test_ambiguous_or_missing_columns_name_the_option(saved: Callable[..., Path], header: str, problem: str,
                                                      option: str) -> None:
    with pytest.raises(UsageError, match=problem) as caught:
        batches(saved(f"{header}\nFrance,2023,1.5,2.5\n"))
    assert caught.value.next_command.endswith(f'--input figures.csv --columns "{option}"')
    assert "Its columns are: " + ", ".join(header.split(",")) in caught.value.what


def test_columns_option(saved: Callable[..., Path]) -> None:
    content = "land;jahr;bip;art;stand\nFrance;2023;1,5;NGDPD;2023-10\nFrance;2022;2,55;NGDPD;2023-10\n"
    columns = {"country": "Land", "year": "jahr", "value": "bip", "indicator": "art", "vintage": "stand"}
    batch, rows = read(saved(content), columns=columns, unit="million")
    assert rows[0] == ("", "France", "NGDPD", "2023", "1,5", "US$", "Millions", "", "figures.csv line 2")
    assert (batch.decimal_mark, batch.vintage.label, batch.scopes[0].years) == (",", "2023-10", (2022, 2023))


@pytest.mark.parametrize(("columns", "words"), [
    ({"country": "cuontry"}, "no column is named 'cuontry'; did you mean country"),
    ({"yaer": "year"}, "not 'yaer'; did you mean year"),
])
def test_columns_option_that_fits_nothing(saved: Callable[..., Path], columns: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        batches(saved(CSV), columns=columns)


def test_codes_under_the_name_country_are_codes(saved: Callable[..., Path]) -> None:
    _, rows = read(saved("country,year,gdp_usd_billion\nFRA,2023,1.5\nUVK,2023,2.5\n"))
    assert [(r.code, r.name) for r in rows] == [("FRA", ""), ("UVK", "")]
    _, rows = read(saved("country,year,gdp_usd_billion\nFRA,2023,1.5\nFiji,2023,2.5\n"))
    assert [(r.code, r.name) for r in rows] == [("", "FRA"), ("", "Fiji")]


def test_a_country_option_that_names_the_code_column() -> None:
    found = recognise(["iso3", "country", "year", "value"], {"country": "iso3"})
    assert (found.code, found.name) == (0, -1)
    with pytest.raises(Unclear):
        recognise(["a", "b"], {"country": "c"})


def test_year_with_a_decimal_zero_and_what_is_no_year(saved: Callable[..., Path]) -> None:
    batch, rows = read(saved("country,year,gdp_usd_billion\nFiji,2023.0,1.5\nFiji,2024-04-01,2.5\nFiji,,3.5\n"))
    assert [r.year for r in rows] == ["2023", "2024-04-01", ""]
    assert batch.scopes[0].years == (2023,)


# --- units ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("header", "unit", "expected"), [
    ("gdp_usd_billion", "", ("US$", "Billions")), ("GDP (US$ million)", "", ("US$", "Millions")),
    ("gdp", "usd", ("US$", "")), ("gdp_usd", "million", ("US$", "Millions")), ("value", "billion", ("US$", "Billions")),
    ("gdp_usd_billion", "billion", ("US$", "Billions")),
])
def test_units_of_money(saved: Callable[..., Path], header: str, unit: str, expected: tuple[str, str]) -> None:
    _, rows = read(saved(f"country,year,{header}\nFiji,2023,5.44\n"), unit=unit)
    assert (rows[0].unit, rows[0].scale) == expected


@pytest.mark.parametrize(("content", "unit", "words"), [
    ("country,year,gdp_usd\nFiji,2023,5.44\n", "", "nothing says whether"),
    ("country,year,value,unit\nFiji,2023,5.44,USD\n", "", "nothing says whether"),
    ("country,year,gdp_usd_billion\nFiji,2023,5.44\n", "million", "which is right cannot be told"),
    ("country,year,value,scale\nFiji,2023,5.44,9\n", "million", "which is right cannot be told"),
    ("country,year,value,unit\nFiji,2023,5.44,US$ million\n", "billion", "another thing"),
])
def test_money_without_a_unit_or_with_two_is_refused(saved: Callable[..., Path], content: str, unit: str,
                                                     words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        batches(saved(content), unit=unit)
    assert "--unit billion" in caught.value.next_command


def test_units_by_indicator(saved: Callable[..., Path]) -> None:
    content = ("iso3,indicator,year,value\nFJI,NGDPD,2023,5.44\nFJI,ngdpdpc,2023,5889\nFJI,NGDP_RPCH,2023,7.5\n"
               "FJI,LP,2023,0.9\nFJI,SP.POP.TOTL,2023,924000\nFJI,LUR,2023,5\n")
    batch, rows = read(saved(content), unit="billion")
    assert [(r.indicator, r.unit, r.scale) for r in rows] == [
        ("NGDPD", "US$", "Billions"), ("NGDPDPC", "US$", ""), ("NGDP_RPCH", "Percent change", ""),
        ("LP", "Persons", "Millions"), ("LP", "Persons", "")]
    assert dict(batch.set_aside) == {"not asked for": 1}
    assert [s.indicator for s in batch.scopes] == ["NGDPD", "NGDP_RPCH", "NGDPDPC", "LP"]
    assert [r.indicator for r in read(saved(content), indicators=("LUR",))[1]] == ["LUR"]


@pytest.mark.parametrize(("text", "word"), [
    ("1000000000", "Billions"), ("1000000000.0", "Billions"), ("9.0", "Billions"), ("6", "Millions"),
    ("1000", "Thousands"), ("0.0", ""), ("1", ""), ("1.0", ""), ("NULL", ""), ("", ""), ("Units", ""),
    ("Billions", "Billions"), ("7", "7"), ("²", "²"),
])
def test_scales_as_words(text: str, word: str) -> None:
    assert scale_word(text) == word


# --- vintages ---------------------------------------------------------------------------------------------------------


def test_vintage_column_gives_a_batch_each_in_order_whatever_the_rows(saved: Callable[..., Path]) -> None:
    content = ("edition,country,year,gdp_usd_billion\n2024-10,Fiji,2023,3\n2023-04,Fiji,2023,1\nbroken\n"
               "2024-10,Fiji,2024,4\n ,Fiji,2024,9\n2023-10,Fiji,2023,2\n 2023-04,Fiji,2024,5\n")
    found = [(b, consumed(b)) for b in batches(saved(content), dataset="My Own")]
    assert [(b.vintage.dataset, b.vintage.label, [r.raw for r in rows]) for b, rows in found] == [
        ("table:my-own", "2023-04", ["1", "5"]), ("table:my-own", "2023-10", ["2"]),
        ("table:my-own", "2024-10", ["3", "4"])]
    assert [(q.rule, q.locator) for q in found[0][0].quarantined] == [
        ("unreadable row", "figures.csv line 4"), ("no vintage", "figures.csv line 6")]
    assert [b.quarantined for b, _ in found[1:]] == [[], []]
    assert all(s.complete for b, _ in found for s in b.scopes)


@pytest.mark.parametrize(("label", "published"), [
    ("2023-04", "2023-04-01"), ("2023-04-11", "2023-04-11"), ("2023", "2023-01-01"), ("v2", ""),
    ("2023-04-11 00:00:00", "2023-04-11")])
def test_published_where_the_label_is_a_date(saved: Callable[..., Path], label: str, published: str) -> None:
    batch, rows = read(saved(f"vintage,country,year,gdp_usd_billion\n{label},Fiji,2023,3\n"))
    assert (batch.vintage.published, batch.vintage.label, len(rows)) == (published, label[:10], 1)


@pytest.mark.parametrize("label", ["..", "../x", "a/b", "x" * 65, "."])
def test_labels_that_could_leave_their_folder_are_refused(saved: Callable[..., Path], label: str) -> None:
    with pytest.raises(UsageError, match="is no label of a vintage"):
        batches(saved(f"vintage,country,year,gdp_usd_billion\n{label},Fiji,2023,3\n"))
    with pytest.raises(UsageError, match="is no label"):
        batches(saved(CSV), vintage=label)


def test_too_many_vintages_are_something_else(saved: Callable[..., Path]) -> None:
    rows = "".join(f"{n},Fiji,2023,3\n" for n in range(501))
    with pytest.raises(UsageError, match="has 501 different labels"):
        batches(saved("vintage,country,year,gdp_usd_billion\n" + rows))


def test_a_given_vintage_is_an_edition_and_none_a_picture(saved: Callable[..., Path]) -> None:
    (batch,) = batches(saved(CSV), vintage="2024-04")
    assert (batch.vintage.label, batch.vintage.published, batch.vintage.dating) == ("2024-04", "2024-04-01", GIVEN)
    assert batch.scopes[0].complete is True
    (batch,) = batches(saved(CSV))
    assert (batch.vintage.label, batch.vintage.published) == ("2023-11-14", "2023-11-14")
    assert batch.vintage.dating == OBSERVED
    assert (batch.scopes[0].complete, batch.scopes[0].years) == (False, (2023, 2024))


@pytest.mark.parametrize(("name", "option", "dataset"), [
    ("My GDP (final).CSV.gz", "", "table:my-gdp-final"), ("x.parquet", "", "table:x"),
    ("x.csv", "Öl & Gas", "table:l-gas"), ("???", "", "table:table"), ("a.b.jsonl.zst", "", "table:a-b")])
def test_dataset_names(name: str, option: str, dataset: str) -> None:
    assert dataset_of(name, option) == dataset


def test_fetch_and_discovery(saved: Callable[..., Path]) -> None:
    made = Request("table", (saved(CSV),), indicators=("NGDPD",), unit="usd", columns={"year": "year"}, dataset="mine")
    (document,) = Source().fetch(made, None)  # type: ignore[arg-type]
    assert dict(document.parameters) == {"vintage": "", "indicators": "NGDPD", "unit": "usd", "dataset": "mine",
                                         "columns": json.dumps({"year": "year"}), "day": "2023-11-14",
                                         "name": "figures.csv"}
    assert (document.kind, document.url) == ("data", "figures.csv")
    assert available()["table"].startswith("Your own figures")
    assert open_source("table").needs_input
