"""sources.table: every format, written by the tests themselves; columns, units, vintages; hostile files."""

from __future__ import annotations

import builtins
import csv
import gzip
import io
import json
import os
import time
import tracemalloc
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from history.model import GIVEN, OBSERVED, STATED
from pipeline.documents import RawDocument
from pipeline.errors import SourceNonsense, UsageError
from rules.indicators import DEFAULT
from rules.records import StagedRecord
from sources import Request, VintageBatch, available, open_source
from sources._columns import Unclear, recognise
from sources._text import positional, without_noise
from sources._units import scale_word
from sources.table import Source, dataset_of

CSV = 'country,year,gdp_usd_billion\nFrance,2023,"3,051.83"\nFiji,2023,5.44\nFiji,2024,n/a\n'
FIGURES = [("France", "2023", "3,051.83"), ("Fiji", "2023", "5.44"), ("Fiji", "2024", "n/a")]
DAY = 1_700_000_000  # 2023-11-14


def batches(*paths: Path, indicators: tuple[str, ...] = DEFAULT, **options: Any) -> list[VintageBatch]:
    source = Source()
    made = Request("table", paths, indicators=indicators, **options)
    return list(source.parse(list(source.fetch(made, None))))  # type: ignore[arg-type]


def consumed(batch: VintageBatch) -> list[StagedRecord]:
    rows = list(batch.rows)
    assert batch.rows_read == len(rows) + sum(batch.set_aside.values()) + len(batch.quarantined)
    return rows


def read(path: Path, **options: Any) -> tuple[VintageBatch, list[StagedRecord]]:
    (batch,) = batches(path, **options)
    return batch, consumed(batch)


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    def save(content: str | bytes, name: str = "figures.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        os.utime(path, (DAY, DAY))
        return path
    return save


def parquet(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path, row_group_size=3)
    return path


# --- formats ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "encode"), [
    ("f.csv", lambda t: t.encode()),
    ("f.csv", lambda t: t.encode("utf-8-sig")),
    ("f.csv", lambda t: t.encode("utf-16")),
    ("f.csv", lambda t: t.encode("utf-16-le")),
    ("f.csv", lambda t: t.replace("\n", "\r\n").encode()),
    ("f.csv", lambda t: t.replace("\n", "\r").encode()),
    ("f.txt", lambda t: t.rstrip("\n").encode()),
    ("f.csv.gz", lambda t: gzip.compress(t.encode())),
    ("named.csv", lambda t: gzip.compress(t.encode())),
    ("f.csv.zst", lambda t: zstandard.compress(t.encode())),
    ("f.csv.zst", lambda t: zstandard.compress(t[:20].encode()) + zstandard.compress(t[20:].encode())),
    ("f.csv.gz", lambda t: gzip.compress(t[:20].encode()) + gzip.compress(t[20:].encode())),
], ids=["utf-8", "utf-8 with a mark", "utf-16 with a mark", "utf-16 without", "CRLF", "CR", "no last line end", "gzip",
        "gzip under another name", "zst", "zst of two frames", "gzip of two members"])
def test_csv_in_every_dress(saved: Callable[..., Path], name: str, encode: Callable[[str], bytes]) -> None:
    batch, rows = read(saved(encode(CSV), name))
    assert [(r.name, r.year, r.raw) for r in rows] == FIGURES
    assert rows[0] == ("", "France", "NGDPD", "2023", "3,051.83", "US$", "Billions", "", f"{name} line 2")
    assert (batch.decimal_mark, batch.quarantined, dict(batch.decimals)) == (".", [], {})


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(saved: Callable[..., Path], delimiter: str) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(csv.reader(io.StringIO(CSV)))
    assert [(r.name, r.year, r.raw) for r in read(saved(out.getvalue()))[1]] == FIGURES


def test_names_of_windows_are_read(saved: Callable[..., Path]) -> None:
    late = "country,year,gdp_usd_billion\n" + "Fiji,2023,5.44\n" * 80_000 + "Côte d’Ivoire,2023,78.9\n"
    _, rows = read(saved(late.encode("cp1252")))  # the first byte that is no UTF-8 comes after the first MiB
    assert (rows[-1].name, len(rows)) == ("Côte d’Ivoire", 80_001)
    _, rows = read(saved("country,year,gdp_usd_billion\nCôte d’Ivoire,2023,78.9\n".encode("cp1252")))
    assert rows[0].name == "Côte d’Ivoire"


def test_json_lines_keep_the_text_of_numbers(saved: Callable[..., Path]) -> None:
    content = ('{"iso3": "FRA", "year": 2023, "value": 3051.830, "unit": "US$ million"}\n\n'
               '{"iso3": "FJI", "year": 2024, "value": null, "unit": "US$ million"}\n'
               '{"year": "2024", "iso3": "TON", "value": 1e3, "unit": "US$ million", "note": [1]}\n')
    batch, rows = read(saved(content, "f.jsonl"))
    assert [(r.code, r.year, r.raw, r.unit, r.scale) for r in rows] == [
        ("FRA", "2023", "3051.830", "US$ million", ""), ("FJI", "2024", "", "US$ million", ""),
        ("TON", "2024", "1e3", "US$ million", "")]
    assert rows[2].locator == "f.jsonl line 4"
    assert dict(batch.decimals) == {"NGDPD": 3}


def test_unreadable_json_lines_are_quarantined(saved: Callable[..., Path]) -> None:
    good = '{"iso3": "FRA", "year": 2023, "gdp_usd_billion": 1.5}\n'
    bad = ['{"iso3": ', '[1, 2]', '"text"', '{"iso3": "\\ud800", "year": 2023}', '{"iso3": ["FRA"], "year": 2023}',
           '{"iso3": "F\\u0000", "year": 2023}',
           "[" * 100_000]
    batch, rows = read(saved(good + "\n".join(bad) + "\n" + good, "f.jsonl"))
    assert [r.locator for r in rows] == ["f.jsonl line 1", "f.jsonl line 9"]
    assert [q.locator for q in batch.quarantined] == [f"f.jsonl line {n}" for n in range(2, 9)]


def test_parquet_types_and_filters(tmp_path: Path) -> None:
    path = parquet(tmp_path / "f.parquet", year=[2020.0, 2020.0, 2021.0, 2020, 1],
                   vintage=pa.array(["2021-10", "2021-04", "2021-10", None, "2021-04"]).dictionary_encode(),
                   iso3=["FRA", "FRA", "FJI", "FJI", "TON"],
                   concept=pa.array(["NGDPD", "NGDPD", "LUR", "NGDPD", "NGDPD"]).dictionary_encode(),
                   value=[2630.0, 2551.25, 5.0, 4.5, None], scale=["1000000000.0", "9.0", "1", "9.0", "NULL"],
                   unit=["P", "USD", "PT", "USD", "P"], lastactualdate=["2020.0", "FY2018/19", None, "", "0.0"])
    old, new = batches(path)
    assert [tuple(r) for r in consumed(old)] == [
        ("FRA", "", "NGDPD", "2020", "2551.25", "US$", "Billions", "forecast", "f.parquet row 2"),
        ("TON", "", "NGDPD", "1", "", "US$", "", "", "f.parquet row 5")]
    assert [tuple(r) for r in consumed(new)] == [
        ("FRA", "", "NGDPD", "2020", "2630", "US$", "Billions", "actual", "f.parquet row 1")]
    assert [(q.rule, q.locator) for q in old.quarantined] == [("no vintage", "f.parquet row 4")]
    assert (dict(old.set_aside), dict(new.set_aside)) == ({}, {"not asked for": 1})
    assert (old.rows_read, new.rows_read) == (3, 2)
    assert (old.vintage.label, old.vintage.published, old.vintage.dating) == ("2021-04", "2021-04-01", STATED)
    assert dict(new.decimals) == {"NGDPD": 1}  # two in 2551.25, but one in 4.5: no more than both can be stated


@pytest.mark.parametrize(("values", "texts"), [
    (pa.array([0.00001, 3.0, None]), ["0.00001", "3", ""]),
    (pa.array([1.9609999999999999, 27357.825, float("nan")]), ["1.961", "27357.825", ""]),
    (pa.array([0.1, 2.5, 3.0], pa.float32()), ["0.1", "2.5", "3"]),
    (pa.array([Decimal("1.10"), Decimal("2.00"), None]), ["1.10", "2.00", ""]),
    (pa.array([1, 2**60, None]), ["1", "1152921504606846976", ""]),
    (pa.array(["1,234.5", "--", None]), ["1,234.5", "--", ""]),
    (pa.array([b"1.5", b"\xff", None]), ["1.5", "\ufffd", ""]),
    (pa.array([None, None, None]), ["", "", ""]),
], ids=["double", "noise", "float", "decimal", "integer", "text", "bytes", "null"])
def test_parquet_values_as_text(tmp_path: Path, values: Any, texts: list[str]) -> None:
    path = parquet(tmp_path / "f.parquet", country=["France", "Fiji", "Tonga"], year=[2020, 2021, 2022],
                   gdp_usd_billion=values)
    assert [r.raw for r in read(path)[1]] == texts


def test_wide_table_in_the_form_of_the_world_bank(saved: Callable[..., Path]) -> None:
    content = ('"Data Source","World Development Indicators",\r\n\r\n"Last Updated Date","2024-03-28",\r\n\r\n'
               '"Country Name","Country Code","Indicator Name","Indicator Code","2021","2022",\r\n'
               '"Aruba","ABW","GDP (current US$)","NY.GDP.MKTP.CD","2929446578.27","",\r\n'
               '"Aruba","ABW","Life","SP.DYN.LE00.IN","74.6","74.9",\r\n')
    batch, rows = read(saved(content.encode("utf-8-sig")))
    assert [tuple(r) for r in rows] == [
        ("ABW", "Aruba", "NGDPD", "2021", "2929446578.27", "US$", "", "", "figures.csv line 6, column 2021"),
        ("ABW", "Aruba", "NGDPD", "2022", "", "US$", "", "", "figures.csv line 6, column 2022")]
    assert (dict(batch.set_aside), batch.scopes[0].years) == ({"not asked for": 2}, (2021, 2022))


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


# --- hostile and broken files -----------------------------------------------------------------------------------------


def test_unreadable_rows_are_quarantined_with_their_line(saved: Callable[..., Path]) -> None:
    content = ('country,year,gdp_usd_billion\nFiji,2023,1\nFiji,2023\nFiji,2023,1,2\n\n   \nFi\0ji,2023,1\n'
               f'"two\nlines",2023,2\n{"x" * 200_000},2023,3\nFiji,2024,4,,\n"Fiji",2025,5\n'
               f'{"y," * 700_000}\nFiji,2026,6\n')
    batch, rows = read(saved(content))
    assert [(r.name, r.year, r.raw, r.locator) for r in rows] == [
        ("Fiji", "2023", "1", "figures.csv line 2"), ("two\nlines", "2023", "2", "figures.csv line 8"),
        ("Fiji", "2024", "4", "figures.csv line 11"), ("Fiji", "2025", "5", "figures.csv line 12"),
        ("Fiji", "2026", "6", "figures.csv line 14")]
    assert [(q.locator, q.detail) for q in batch.quarantined] == [
        ("figures.csv line 3", "2 cells under a header of 3"), ("figures.csv line 4", "4 cells under a header of 3"),
        ("figures.csv line 7", "a zero byte in the row"),
        ("figures.csv line 10", "field larger than field limit (131072)"),
        ("figures.csv line 13", "524289 cells under a header of 3")]


def test_an_open_quote_loses_no_row_silently(saved: Callable[..., Path]) -> None:
    content = 'country,year,gdp_usd_billion\nFiji,2023,1\n"Fiji,2024,2\n' + "Fiji,2025,3\n" * 20_000
    batch, rows = read(saved(content))
    (swallowed,) = [q for q in batch.quarantined if "field limit" in q.detail]
    first, last = (int(n) for n in swallowed.locator.removeprefix("figures.csv line ").split(" to "))
    assert first == 3
    assert len(rows) + (last - first + 1) == 20_002


def good_gz() -> bytes:
    return gzip.compress(CSV.encode() * 500)


@pytest.mark.parametrize(("name", "content", "error", "words"), [
    ("f.csv", b"", SourceNonsense, "is empty"),
    ("f.csv", b"\n  \n", SourceNonsense, "is empty"),
    ("f.csv", b"country,year,gdp_usd_billion\n", SourceNonsense, "a header and no row under it"),
    ("f.csv", b"country,year,gdp_usd_billion\nFiji\n", SourceNonsense, "a header and no row under it"),
    ("f.csv", b"words\n", UsageError, "no column is named like a country"),
    ("f.csv.gz", CSV.encode(), SourceNonsense, "is named .gz, but is not packed with gzip"),
    ("f.csv.zst", CSV.encode(), SourceNonsense, "is named .zst, but is not packed with Zstandard"),
    ("f.csv.gz", good_gz()[:-30], SourceNonsense, "is damaged or cut: after"),
    ("f.csv.gz", good_gz()[:40] + b"\0\0\0\0" + good_gz()[44:], SourceNonsense, "is damaged or cut: after"),
    ("f.csv.zst", zstandard.compress(CSV.encode())[:-5], SourceNonsense, "is damaged or cut: after"),
    ("f.csv.zst", zstandard.compress(CSV.encode())[:6] + b"\xff" * 30, SourceNonsense, "is damaged or cut: after"),
    ("f.parquet", b"PAR1 and no more", SourceNonsense, "is a damaged Parquet file"),
    ("f.parquet", CSV.encode(), SourceNonsense, "is named like a Parquet file, but is none"),
    ("f.parquet.gz", gzip.compress(b"PAR1" + bytes(50)), UsageError, "is a packed Parquet file"),
    ("f.json", b'[{"a": 1}]', UsageError, "is one JSON array"),
    ("f.jsonl", b"no json\n", SourceNonsense, "holds no JSON object"),
    ("f.jsonl", b'{"a": 1}\n', UsageError, "no column is named like a country"),
    ("f.csv", b"<html></html>", SourceNonsense, "is a web page"),
    ("f.xlsx", b"PK\x03\x04....", UsageError, "is a workbook or a zip archive"),
    ("f.csv", b'country,year,gdp_usd_billion\nFiji,2023,"1,234"\n', SourceNonsense, "which sign is its decimal mark"),
    ("f.csv", b"country,year,indicator,gdp_usd_billion\nFiji,2023,XYZ,1\n", SourceNonsense, "its indicators are XYZ"),
])
def test_what_is_no_table_is_refused(saved: Callable[..., Path], name: str, content: bytes,
                                     error: type[SourceNonsense | UsageError], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        for batch in batches(saved(content, name)):
            consumed(batch)
    assert name in caught.value.what and caught.value.safe and caught.value.next_command


def test_folders_and_missing_files_are_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        batches(tmp_path)
    with pytest.raises(UsageError, match="cannot be read"):
        batches(tmp_path / "absent.csv")


@pytest.mark.parametrize(("module", "group", "name", "content"), [
    ("zstandard", "zstd", "f.csv.zst", zstandard.compress(CSV.encode())),
    ("pyarrow", "parquet", "f.parquet", b"PAR1" + bytes(50) + b"PAR1"),
])
def test_a_missing_library_names_the_command(saved: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, module: str,
                                             group: str, name: str, content: bytes) -> None:
    real = builtins.__import__

    def without(wanted: str, *rest: Any, **more: Any) -> Any:
        if wanted.partition(".")[0] == module:
            raise ImportError(wanted)
        return real(wanted, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError) as caught:
        batches(saved(content, name))
    assert caught.value.next_command == f"pip install -c constraints.txt '.[{group}]'"


def test_nested_and_invalid_parquet(tmp_path: Path) -> None:
    path = parquet(tmp_path / "f.parquet", country=[["a"], ["b"]], year=[1, 2], gdp_usd_billion=[1.0, 2.0])
    with pytest.raises(UsageError, match="column country holds lists or records"):
        batches(path)
    broken = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(bytes([0, 0, 0, 0, 1, 0, 0, 0])),
                                                    pa.py_buffer(b"\xff")])
    with pytest.raises(SourceNonsense, match=r"is a damaged Parquet file: .*UTF"):
        batches(parquet(tmp_path / "f.parquet", country=broken, year=[1], gdp_usd_billion=[1.0]))


def test_dates_as_years_are_passed_on(tmp_path: Path) -> None:
    path = parquet(tmp_path / "f.parquet", country=["Fiji"], date=[date(2023, 1, 1)], gdp_usd_billion=[1.5])
    assert read(path)[1][0].year == "2023-01-01"  # may be a first quarter: the rules decide


def test_too_many_years_are_something_else(saved: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sources._tables.MOST_KEYS", 3)
    with pytest.raises(UsageError, match="more than 3 different years"):
        batches(saved("country,year,gdp_usd_billion\n" + "".join(f"Fiji,{n},1\n" for n in range(9))))


# --- round trips ------------------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(TEXT, st.integers(1900, 2100).map(str),
                               st.decimals(0, 999, places=2).map(str)), min_size=1, max_size=8),
       delimiter=st.sampled_from(",;\t|"), end=st.sampled_from(["\n", "\r\n"]),
       encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_csv_round_trip(rows: list[tuple[str, str, str]], delimiter: str, end: str, encoding: str) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("country", "year", "gdp_usd_billion"), *rows])
    document = RawDocument("data", "f.csv", "2026-11-20T21:05:09Z", parameters={"name": "f.csv"},
                           data=out.getvalue().encode(encoding))
    (batch,) = Source().parse([document])
    found = [(r.code or r.name, r.year, r.raw) for r in consumed(batch)]
    assert found == rows
    assert batch.quarantined == []


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-10**30, 10**30))
def test_positional_reads_back_and_has_no_exponent(number: float) -> None:
    text = positional(number)
    assert "e" not in text.lower()
    assert type(number)(Decimal(text)) == number


@given(st.decimals(-10**9, 10**9, places=3))
def test_without_noise_gives_back_what_was_published(value: Decimal) -> None:
    assert Decimal(without_noise(float(value))) == value
    noisy = float(value) * (1 + 2.3e-16)
    assert Decimal(without_noise(noisy)) == value


# --- size and the real panel ------------------------------------------------------------------------------------------


def test_a_large_csv_streams(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    with path.open("w") as out:
        out.write("country,iso3,year,gdp_usd_billion\n")
        out.writelines(f"Country {n % 200},C{n % 200},{1900 + n % 120},{n * 0.37:.3f}\n" for n in range(200_000))
    started = time.process_time()
    assert sum(1 for batch in batches(path) for _ in batch.rows) == 200_000
    assert time.process_time() - started < 4 * 200_000 / 1_000_000 * 2.5  # 4 s a million, and room for a busy machine
    tracemalloc.start()
    for batch in batches(path):
        for number, _ in enumerate(batch.rows):
            if number > 20_000:
                break
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 << 20


def test_real_panel_against_a_reading_by_pandas(captures: Path) -> None:
    path = captures / "weo_panel.parquet"
    frame = pq.read_table(path, columns=["vintage", "concept", "ref_area", "year", "value"]).to_pandas()
    sizes = frame.groupby("vintage", observed=True).size().to_dict()
    wanted = frame[(frame.concept == "NGDPD") & (frame.vintage == "2025-10") & frame.value.notna()]
    theirs = {(a, str(y)): v for a, y, v in zip(wanted.ref_area, wanted.year, wanted.value, strict=True)}
    counted: dict[str, int] = {}
    for batch in batches(path, indicators=("NGDPD",)):
        if batch.vintage.label in ("2021-04", "2025-10"):
            rows = consumed(batch)
            counted[batch.vintage.label] = batch.rows_read
            assert {(r.unit, r.scale) for r in rows} == {("US$", "Billions")}
            assert batch.decimals["NGDPD"] == 3
    ours = {(r.code, r.year): r.raw for r in rows if r.raw}
    assert ours.keys() == theirs.keys()
    assert all(abs(float(ours[key]) - theirs[key]) < 1e-9 * max(1, theirs[key]) for key in theirs)
    assert counted == {label: sizes[label] for label in ("2021-04", "2025-10")}


def test_real_csv_of_one_edition(captures: Path) -> None:
    path = captures / "weo_ngdpd" / "data_2510.csv"
    batch, rows = read(path, vintage="2025-10", indicators=("NGDPD",))
    lines = path.read_text().splitlines()
    assert len(rows) == len(lines) - 1
    for row, line in zip(rows, lines[1:], strict=True):
        cells = line.split(",")
        assert (row.code, row.year, row.raw) == (cells[2], cells[7].removesuffix(".0"), cells[8])
    usa = next(r for r in rows if (r.code, r.year) == ("USA", "2030"))
    assert (usa.unit, usa.scale, usa.status, batch.scopes[0].complete) == ("US$", "Billions", "forecast", True)


def test_fetch_and_discovery(saved: Callable[..., Path]) -> None:
    made = Request("table", (saved(CSV),), indicators=("NGDPD",), unit="usd", columns={"year": "year"}, dataset="mine")
    (document,) = Source().fetch(made, None)  # type: ignore[arg-type]
    assert dict(document.parameters) == {"vintage": "", "indicators": "NGDPD", "unit": "usd", "dataset": "mine",
                                         "columns": json.dumps({"year": "year"}), "day": "2023-11-14",
                                         "name": "figures.csv"}
    assert (document.kind, document.url) == ("data", "figures.csv")
    assert available()["table"].startswith("Your own figures")
    assert open_source("table").needs_input
