"""sources.table: every format, hostile and broken files, round trips."""

from __future__ import annotations

import builtins
import csv
import gzip
import io
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from history.model import STATED
from pipeline.documents import RawDocument
from pipeline.errors import SourceNonsense, UsageError
from sources._parquet import ParquetTable
from sources._text import positional, without_noise
from sources.table import Source
from tests.tables import CSV, FIGURES, batches, consumed, parquet, read, save


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., Path]:
    return partial(save, tmp_path)

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


# --- by blocks and row groups -----------------------------------------------------------------------------------------


def test_rows_of_a_wide_table_stay_in_order_across_blocks(saved: Callable[..., Path],
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sources._tables.ROWS", 2)
    path = saved("country,2023,2024\nFiji,1,2\nTonga,3,4\nbroken\nSamoa,5,6\n")
    batch, rows = read(path, unit="billion")
    assert [(r.name, r.year, r.raw, r.locator.removeprefix("figures.csv ")) for r in rows] == [
        ("Fiji", "2023", "1", "line 2, column 2023"), ("Fiji", "2024", "2", "line 2, column 2024"),
        ("Tonga", "2023", "3", "line 3, column 2023"), ("Tonga", "2024", "4", "line 3, column 2024"),
        ("Samoa", "2023", "5", "line 5, column 2023"), ("Samoa", "2024", "6", "line 5, column 2024")]
    assert [q.locator for q in batch.quarantined] == ["figures.csv line 4"]


@pytest.mark.parametrize(("labels", "groups"), [
    ("aaabbbccc", [[0], [1], [2]]), ("aaabbccca", [[0, 2], [1], [1, 2]]), ("abcabcabc", [[0, 1, 2]] * 3)])
def test_only_row_groups_that_hold_a_vintage_are_read_for_it(tmp_path: Path, labels: str, groups: list[list[int]],
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sources._parquet.BATCH", 3)
    path = parquet(tmp_path / "f.parquet", vintage=list(labels), country=["Fiji"] * 9, year=range(2001, 2010),
                   gdp_usd_billion=[float(n) for n in range(9)])
    found = batches(path)
    seen, real = [], ParquetTable._batches

    def noted(table: ParquetTable, indices: Any, chosen: Any) -> Any:
        seen.append(list(chosen))
        return real(table, indices, chosen)

    monkeypatch.setattr(ParquetTable, "_batches", noted)
    assert [[(r.raw, r.locator) for r in consumed(batch)] for batch in found] == [
        [(str(n), f"f.parquet row {n + 1}") for n, each in enumerate(labels) if each == label] for label in "abc"]
    assert seen == groups


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
    ("f.parquet.gz", gzip.compress(b"PAR1" + bytes(50), mtime=0), UsageError, "is a packed Parquet file"),
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
    assert caught.value.next_command == f"python -m pip install -c constraints.txt '.[{group}]'"


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


NOISE = st.tuples(st.floats(-1e12, 1e12), st.integers(0, 9), st.floats(-4e-15, 4e-15)).map(
    lambda drawn: round(drawn[0], drawn[1]) * (1 + drawn[2]))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.none() | st.floats() | NOISE | st.sampled_from([9.999999999999992e-06, 1e15, 1e-7]), min_size=1))
def test_doubles_by_whole_columns_are_what_each_would_be(tmp_path: Path, values: list[float | None]) -> None:
    path = parquet(tmp_path / "f.parquet", country=["Fiji"] * len(values), year=[2020] * len(values),
                   gdp_usd_billion=pa.array(values, pa.float64()))
    assert [r.raw for r in read(path)[1]] == ["" if each is None else without_noise(each) for each in values]


@given(st.decimals(-10**9, 10**9, places=3))
def test_without_noise_gives_back_what_was_published(value: Decimal) -> None:
    assert Decimal(without_noise(float(value))) == value
    noisy = float(value) * (1 + 2.3e-16)
    assert Decimal(without_noise(noisy)) == value
