"""The datamapper source: binary expansions, groups told by the API's own list, a vintage that nobody states."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from history.model import Scope, Vintage
from pipeline.documents import RawDocument
from pipeline.errors import SourceNonsense, SourceUnreachable
from pipeline.http import Http
from rules.records import AGGREGATE, FORECAST, UNKNOWN, StagedRecord
from sources import Request, VintageBatch
from sources.datamapper import Source, _shortest
from tests.server import Answer, Server

FIXTURES = Path(__file__).parent / "fixtures" / "datamapper"
OBSERVED_2025 = Vintage("imf-weo", "observed-2025-11-20", "2025-11-20", dating="observed")
UNKNOWN_INDICATOR = b'{"countries": {"AAA": {"label": "Aland"}}, "api": {"version": "1"}}'
UNKNOWN_COUNTRY = b'{"api": {"version": "1", "output-method": "json"}}'


def fixture(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def data(body: bytes, indicator: str = "NGDPD", asked: str = "NGDPD", modified: str = "") -> RawDocument:
    headers = {"last-modified": modified} if modified else {}
    return RawDocument("data", f"https://example.org/{indicator}", "2025-11-20T08:00:00Z", headers,
                       {"indicator": indicator, "indicators": asked}, data=body)


def countries(body: bytes) -> RawDocument:
    return RawDocument("countries", "https://example.org/countries", "2025-11-20T08:00:00Z", data=body)


def parsed(*documents: RawDocument) -> tuple[VintageBatch, list[StagedRecord]]:
    [batch] = Source().parse(documents)
    return batch, list(batch.rows)


def values(content: object, indicator: str = "NGDPD") -> bytes:
    return json.dumps({"values": {indicator: content}, "api": {}}).encode()


@pytest.fixture
def http() -> Iterator[Http]:
    with Http(retries=0, timeout=5) as running:
        yield running


# --- fetch --------------------------------------------------------------------------------------------------------


def fetched(server: Server, http: Http, indicators: tuple[str, ...] = ("NGDPD", "LP")) -> list[RawDocument]:
    return list(Source().fetch(Request("datamapper", url=server.url + "/api/v1/", indicators=indicators), http))


def test_fetch_asks_for_each_indicator_and_the_countries(server: Server, http: Http) -> None:
    for name in ("NGDPD", "LP", "countries"):
        server.routes[f"/api/v1/{name}"] = Answer(fixture(f"{name}.json"))
    got = fetched(server, http)
    assert [each.path for each in server.asked] == ["/api/v1/NGDPD", "/api/v1/LP", "/api/v1/countries"]
    assert [each.kind for each in got] == ["data", "data", "countries"]
    assert got[1].parameters == {"indicator": "LP", "indicators": "NGDPD,LP"}
    assert not any("Mozilla" in each.headers["user-agent"] for each in server.asked)
    assert len(parsed(*got)[1]) == 10


@pytest.mark.parametrize("answer", [Answer(b"", 500), Answer(b"no", 403), Answer(b"<html></html>")],
                         ids=["500", "403", "html"])
def test_without_the_list_of_countries_fetch_goes_on(server: Server, http: Http, answer: Answer) -> None:
    server.routes["/api/v1/NGDPD"] = Answer(fixture("NGDPD.json"))
    server.routes["/api/v1/countries"] = answer
    assert [each.kind for each in fetched(server, http, ("NGDPD",))] == ["data"]


def test_403_is_told_as_unreachable(server: Server, http: Http) -> None:
    server.routes["/api/v1/NGDPD"] = Answer(b"<html><body>Access Denied</body></html>", 403)
    with pytest.raises(SourceUnreachable):
        fetched(server, http)


def test_one_indicator_that_answers_nonsense_is_a_warning_the_main_one_an_error(server: Server, http: Http) -> None:
    server.routes["/api/v1/NGDPD"] = Answer(fixture("NGDPD.json"))
    server.routes["/api/v1/LP"] = Answer(b"gone", 404)
    batch, rows = parsed(*fetched(server, http))
    assert {row.indicator for row in rows} == {"NGDPD"}
    assert batch.warnings == ["The DataMapper has no Population (LP): no answer"]
    server.routes["/api/v1/NGDPD"] = Answer(b"gone", 404)
    with pytest.raises(SourceNonsense):
        fetched(server, http)


# --- parse --------------------------------------------------------------------------------------------------------


def test_rows_with_the_list_of_countries() -> None:
    asked = "NGDPD,LP"
    batch, rows = parsed(data(fixture("NGDPD.json"), asked=asked), data(fixture("LP.json"), "LP", asked),
                         countries(fixture("countries.json")))
    money, people = ("U.S. dollars", "Billions"), ("Persons", "Millions")
    assert rows == [
        StagedRecord("AAA", "Alandē", "NGDPD", "2023", "9.095", *money, UNKNOWN, "NGDPD/AAA/2023"),
        StagedRecord("AAA", "Alandē", "NGDPD", "2024", "31", *money, UNKNOWN, "NGDPD/AAA/2024"),
        StagedRecord("AAA", "Alandē", "NGDPD", "2025", "1234.5", *money, UNKNOWN, "NGDPD/AAA/2025"),
        StagedRecord("BBB", "Beland", "NGDPD", "2024", "41363.374", *money, UNKNOWN, "NGDPD/BBB/2024"),
        StagedRecord("BBB", "Beland", "NGDPD", "2031", "0.001", *money, FORECAST, "NGDPD/BBB/2031"),
        StagedRecord("WEOWORLD", "", "NGDPD", "2024", "110047.109", *money, AGGREGATE, "NGDPD/WEOWORLD/2024"),
        StagedRecord("DA", "", "NGDPD", "2024", "4.0625", *money, AGGREGATE, "NGDPD/DA/2024"),
        StagedRecord("AAA", "Alandē", "LP", "2024", "51.75", *people, UNKNOWN, "LP/AAA/2024"),
        StagedRecord("AAA", "Alandē", "LP", "2025", "", *people, UNKNOWN, "LP/AAA/2025"),
        StagedRecord("WE", "", "LP", "2024", "7", *people, AGGREGATE, "LP/WE/2024"),
    ]
    assert batch.vintage == OBSERVED_2025
    assert batch.scopes == [Scope(OBSERVED_2025, "NGDPD", (2023, 2024, 2025, 2031), complete=True),
                            Scope(OBSERVED_2025, "LP", (2024, 2025), complete=True)]
    assert batch.decimals == {"NGDPD": 3, "LP": 2}
    assert batch.rows_read == 10
    assert batch.warnings == []


def test_without_the_list_nothing_is_called_a_group() -> None:
    _, rows = parsed(data(fixture("NGDPD.json")))
    assert {row.status for row in rows} == {UNKNOWN, FORECAST}
    assert {row.name for row in rows} == {""}


@pytest.mark.parametrize(("listed", "words"), [
    (b"{}", "names no economy"),
    (b'{"countries": {}}', "names no economy"),
    (b'{"countries": ["AAA"]}', "names no economy"),
    (b'{"countries": {"USA": {"label": "United States"}}}', "names no economy"),
    (b"<html>", "cannot be used: The answer is not JSON"),
], ids=["nothing", "empty", "a list", "others", "html"])
def test_a_useless_list_of_countries_makes_no_groups(listed: bytes, words: str) -> None:
    batch, rows = parsed(data(fixture("NGDPD.json")), countries(listed))
    assert AGGREGATE not in {row.status for row in rows}
    assert words in batch.warnings[0]


@pytest.mark.parametrize(("indicator", "unit", "scale"), [
    ("NGDPD", "U.S. dollars", "Billions"), ("NGDPDPC", "U.S. dollars", "Units"), ("LP", "Persons", "Millions"),
    ("NGDP_RPCH", "Percent change", ""), ("PCPIPCH", "Percent change", ""), ("GGXWDG_NGDP", "", ""),
])
def test_units(indicator: str, unit: str, scale: str) -> None:
    _, rows = parsed(data(values({"AAA": {"2024": 1.5}}, indicator), indicator, indicator))
    assert [(row.unit, row.scale, row.raw) for row in rows] == [(unit, scale, "1.5")]


def test_values_of_another_shape_are_quarantined() -> None:
    odd = {"AAA": {"2024": 1.5, "2024Q1": 1, "2023": True, "2022": [1], "2021": "n/a"}, "BBB": 7, "CCC": [], "DDD": {}}
    batch, rows = parsed(data(values(odd)))
    assert [(row.year, row.raw) for row in rows] == [("2024", "1.5"), ("2021", "n/a")]
    assert [(each.rule, each.locator, each.raw) for each in batch.quarantined] == [
        ("not-a-figure", "NGDPD/AAA/2024Q1", "1"), ("not-a-figure", "NGDPD/AAA/2023", "True"),
        ("not-a-figure", "NGDPD/AAA/2022", "['1']"), ("not-figures", "NGDPD/BBB", "7")]
    assert batch.rows_read == 6


# --- the vintage --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("modified", "day"), [
    ("Tue, 14 Oct 2025 13:00:00 GMT", "2025-10-14"),
    ("Tue, 14 Oct 2025 23:00:00 -0500", "2025-10-15"),
    ("", "2025-11-20"),
    ("yesterday", "2025-11-20"),
    ("Thu, 01 Jan 1970 00:00:00 GMT", "2025-11-20"),
    ("Tue, 14 Oct 2098 13:00:00 GMT", "2025-11-20"),
    ("Fri, 31 Dec 9999 23:59:59 -2300", "2025-11-20"),
], ids=["stated", "zone", "absent", "no date", "epoch", "future", "overflow"])
def test_vintage_is_dated_by_last_modified_or_the_day(modified: str, day: str) -> None:
    batch, _ = parsed(data(fixture("NGDPD.json"), modified=modified))
    assert batch.vintage == Vintage("imf-weo", f"observed-{day}", day, dating="observed")


def test_the_newest_document_dates_the_vintage() -> None:
    older, newer = "Tue, 14 Oct 2025 13:00:00 GMT", "Wed, 15 Oct 2025 13:00:00 GMT"
    batch, _ = parsed(data(fixture("NGDPD.json"), modified=newer), data(fixture("LP.json"), "LP", modified=older))
    assert batch.vintage.published == "2025-10-15"


# --- answers that are not the figures -----------------------------------------------------------------------------


@pytest.mark.parametrize(("body", "words"), [
    (UNKNOWN_INDICATOR, "does not know the indicator"),
    (UNKNOWN_COUNTRY, "without any values"),
    (b'{"values": {}, "api": {}}', "empty values"),
    (b'{"values": []}', "empty values"),
    (b'{"values": null}', "empty values"),
    (b'{"values": [1]}', "without a figure of it (it holds list)"),
    (b'{"values": {"NGDPD": {}}}', "without a figure of it"),
    (b'{"values": {"NGDPD": []}}', "without a figure of it"),
    (b'{"values": {"NGDPD": {"AAA": {}}}}', "without a figure of it"),
    (b'{"values": {"PPPGDP": {"AAA": {"2024": 1}}}}', "(it holds PPPGDP)"),
    (b"[1, 2]", "JSON list in place of an object"),
    (b"", "The answer is empty"),
    (b"<html>", "not JSON"),
    (b'{"values": {"NGDPD": {"AAA": {"2024": 1', "not JSON"),
    (b"[" * 100_000, "not JSON"),
    (b"\xff\xfe\xfd", "not JSON"),
], ids=["unknown indicator", "unknown country", "empty", "empty list", "null", "list", "no areas", "php empty",
        "no years", "another", "array", "nothing", "html", "cut", "deep", "binary"])
def test_other_answers_are_refused_by_name(body: bytes, words: str) -> None:
    with pytest.raises(SourceNonsense, match=re.escape(words)) as caught:
        parsed(data(body))
    assert str(caught.value).startswith("The DataMapper has no GDP, current prices (NGDPD): ")
    assert caught.value.where == "https://example.org/NGDPD"


@pytest.mark.parametrize("body", [UNKNOWN_INDICATOR, b"<html>"], ids=["unknown", "html"])
def test_another_indicator_missing_is_a_warning(body: bytes) -> None:
    batch, rows = parsed(data(fixture("NGDPD.json"), asked="NGDPD,LP"), data(body, "LP", "NGDPD,LP"))
    assert len(batch.warnings) == 1
    assert batch.warnings[0].startswith("The DataMapper has no Population (LP): ")
    assert {row.indicator for row in rows} == {"NGDPD"}


def test_half_characters_become_text_that_can_be_written() -> None:
    body = fixture("countries.json").replace(b"Beland", b"Bel\\ud800and")
    _, rows = parsed(data(fixture("NGDPD.json")), countries(body))
    assert {row.name for row in rows} == {"Alandē", "Bel?and", ""}


# --- numbers ------------------------------------------------------------------------------------------------------


@given(st.floats(min_value=-1e15, max_value=1e15))
def test_the_shortest_text_is_the_same_double_without_an_exponent(number: float) -> None:
    short = _shortest(str(Decimal(number)))
    assert float(short) == number
    assert re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", short)


@given(st.integers(-10**10, 10**10), st.integers(0, 3))
def test_a_published_decimal_comes_back_from_its_expansion(digits: int, decimals: int) -> None:
    published = Decimal(digits).scaleb(-decimals)
    assert Decimal(_shortest(str(Decimal(float(published))))) == published


@pytest.mark.parametrize(("text", "short"), [("1e999", "1e999"), ("1E-5", "0.00001"), ("-0.0", "-0.0")])
def test_numbers_out_of_the_ordinary(text: str, short: str) -> None:
    assert _shortest(text) == short


# --- the real answer ----------------------------------------------------------------------------------------------


def test_real_answer(captures: Path) -> None:
    body = (captures / "datamapper" / "NGDPD_2025-01-09.json").read_bytes()
    plain = json.loads(body)["values"]["NGDPD"]
    with (captures / "regions" / "datasets_country-codes.csv").open(encoding="utf-8", newline="") as stream:
        iso = {row["ISO3166-1-Alpha-3"] for row in csv.DictReader(stream)}
    economies = sorted(set(plain) & (iso | {"UVK", "WBG"}))
    groups = set(plain) - set(economies)
    assert (len(plain), len(economies)) == (228, 196)
    listed = json.dumps({"countries": {code: {"label": code.title()} for code in economies}}).encode()
    batch, rows = parsed(data(body), countries(listed))
    assert {row.code for row in rows if row.status == AGGREGATE} == groups
    assert {row.code for row in rows if row.status != AGGREGATE} == set(economies)
    assert len(rows) == sum(len(years) for years in plain.values()) == 10_572
    assert all(math.isclose(float(row.raw), plain[row.code][row.year], rel_tol=0, abs_tol=0) for row in rows)
    assert max(len(row.raw) for row in rows) <= 10  # 110047.109
    assert batch.decimals == {"NGDPD": 3}
