"""The worldbank source: every page counted, aggregates told by the bank's own list, one edition only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from history.model import Scope, Vintage
from pipeline.documents import RawDocument
from pipeline.errors import SourceNonsense, SourceUnreachable
from pipeline.http import Http
from rules.records import ACTUAL, AGGREGATE, FORECAST, StagedRecord
from sources import Request, VintageBatch
from sources.worldbank import Source
from tests.server import Answer, Asked, Server

FIXTURES = Path(__file__).parent / "fixtures" / "worldbank"
OCTOBER = Vintage("worldbank-wdi", "2025-10-07", "2025-10-07")
REFUSED = b'[{"message":[{"id":"120","key":"Invalid value","value":"The provided parameter value is not valid"}]}]'
NO_DATA = b'[{"page":1,"pages":0,"per_page":0,"total":0,"lastupdated":"2025-10-07"},null]'
GDP_URL, POP_URL = "/v2/country/all/indicator/NY.GDP.MKTP.CD", "/v2/country/all/indicator/SP.POP.TOTL"


def fixture(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def data(body: bytes, indicator: str = "NGDPD", asked: str = "NGDPD") -> RawDocument:
    return RawDocument("data", f"https://example.org/{indicator}", "2025-11-20T08:00:00Z",
                       parameters={"indicator": indicator, "indicators": asked}, data=body)


def countries(body: bytes) -> RawDocument:
    return RawDocument("countries", "https://example.org/country", "2025-11-20T08:00:00Z", data=body)


def parsed(*documents: RawDocument) -> tuple[VintageBatch, list[StagedRecord]]:
    [batch] = Source().parse(documents)
    return batch, list(batch.rows)


def both_pages() -> list[RawDocument]:
    return [data(fixture("NGDPD_1.json")), data(fixture("NGDPD_2.json"))]


def row(**changes: Any) -> dict[str, Any]:
    return {"indicator": {"id": "NY.GDP.MKTP.CD", "value": "GDP"}, "country": {"id": "JP", "value": "Japan"},
            "countryiso3code": "JPN", "date": "2024", "value": 1.5, "obs_status": "", **changes}


def page(*rows: object, number: int = 1, pages: int = 1, **meta: object) -> bytes:
    stated = {"page": number, "pages": pages, "per_page": "50", "total": len(rows), "lastupdated": "2025-10-07", **meta}
    return json.dumps([stated, list(rows)]).encode()


@pytest.fixture
def http() -> Iterator[Http]:
    with Http(retries=0, timeout=5) as running:
        yield running


# --- fetch --------------------------------------------------------------------------------------------------------


def paged(*pages: Answer) -> Any:
    """Return a route that serves the page that the query asks for."""
    def answer(asked: Asked) -> Answer:
        found = re.search(r"[?&]page=(\d+)", asked.path)
        return pages[int(found[1]) - 1] if found else Answer(b"no page", 400)
    return answer


def whole(server: Server) -> None:
    server.routes[GDP_URL] = paged(Answer(fixture("NGDPD_1.json")), Answer(fixture("NGDPD_2.json")))
    server.routes[POP_URL] = paged(Answer(fixture("LP_1.json")))
    server.routes["/v2/country"] = paged(Answer(fixture("countries.json")))


def fetched(server: Server, http: Http) -> list[RawDocument]:
    return list(Source().fetch(Request("worldbank", url=server.url + "/v2/", indicators=("NGDPD", "LP")), http))


def test_fetch_asks_for_every_page(server: Server, http: Http) -> None:
    whole(server)
    got = fetched(server, http)
    assert [each.path for each in server.asked] == [
        f"{GDP_URL}?format=json&per_page=10000&page=1", f"{GDP_URL}?format=json&per_page=10000&page=2",
        f"{POP_URL}?format=json&per_page=10000&page=1", "/v2/country?format=json&per_page=400&page=1"]
    assert [each.kind for each in got] == ["data", "data", "data", "countries"]
    assert got[1].parameters == {"indicator": "NGDPD", "indicators": "NGDPD,LP", "page": "2"}
    assert len(parsed(*got)[1]) == 6


def test_an_indicator_of_another_name_is_asked_as_given(server: Server, http: Http) -> None:
    server.routes["/country/all/indicator/NE.EXP.GNFS.CD"] = Answer(b"[]")
    with pytest.raises(SourceNonsense):
        list(Source().fetch(Request("worldbank", url=server.url, indicators=("NE.EXP.GNFS.CD",)), http))
    assert server.asked[0].path.startswith("/country/all/indicator/NE.EXP.GNFS.CD?")


@pytest.mark.parametrize("pages", [10**9, 1001, 10**30], ids=["1e9", "one too many", "1e30"])
def test_a_hostile_number_of_pages_is_refused_after_the_first(server: Server, http: Http, pages: int) -> None:
    server.routes[GDP_URL] = Answer(page(row(), pages=pages))
    with pytest.raises(SourceNonsense, match="pages"):
        fetched(server, http)
    assert len(server.asked) == 1


def test_one_indicator_may_be_missing_and_the_list_too(server: Server, http: Http) -> None:
    whole(server)
    server.routes[POP_URL] = Answer(b"<html>no</html>", 400)
    server.routes["/v2/country"] = Answer(b"", 503)
    batch, rows = parsed(*fetched(server, http))
    assert len(rows) == 5
    assert batch.warnings == ["The World Bank has no Population (LP): no answer"]


@pytest.mark.parametrize(("answer", "error"), [(Answer(b"<html>no</html>", 400), SourceNonsense),
                                               (Answer(b"", 503), SourceUnreachable)], ids=["400", "503"])
def test_the_main_indicator_may_not(server: Server, http: Http, answer: Answer, error: type[Exception]) -> None:
    whole(server)
    server.routes[GDP_URL] = answer
    with pytest.raises(error):
        fetched(server, http)


# --- parse --------------------------------------------------------------------------------------------------------


def test_rows_keep_the_literal_text_and_name_the_aggregates() -> None:
    batch, rows = parsed(*both_pages(), data(fixture("LP_1.json"), "LP"), countries(fixture("countries.json")))
    gdp = "NY.GDP.MKTP.CD, page"
    assert rows == [
        StagedRecord("AFE", "Africa Eastern and Southern", "NGDPD", "2024", "1185137703650.991", "US$", "", AGGREGATE,
                     f"{gdp} 1, row 1"),
        StagedRecord("XD", "High income", "NGDPD", "2024", "68000000000000", "US$", "", AGGREGATE, f"{gdp} 1, row 2"),
        StagedRecord("NAM", "Namibia", "NGDPD", "2024", "13372295550.10", "US$", "", ACTUAL, f"{gdp} 1, row 3"),
        StagedRecord("NAM", "Namibia", "NGDPD", "2023", "", "US$", "", ACTUAL, f"{gdp} 2, row 1"),
        StagedRecord("JPN", "Japan", "NGDPD", "2024", "4.026211E12", "US$", "", ACTUAL, f"{gdp} 2, row 2"),
        StagedRecord("JPN", "Japan", "LP", "2024", "123975371", "Persons", "", ACTUAL, "SP.POP.TOTL, page 1, row 1"),
    ]
    assert batch.vintage == OCTOBER
    assert batch.scopes == [Scope(OCTOBER, "NGDPD", (2023, 2024), complete=True),
                            Scope(OCTOBER, "LP", (2024,), complete=True)]
    assert batch.decimals == {"NGDPD": 2, "LP": 0}  # the aggregate's third decimal is no country's
    assert (batch.rows_read, batch.warnings) == (6, [])


@pytest.mark.parametrize("listed", [b"<html>", REFUSED, b'[{"page":1,"pages":1,"total":1},["odd"]]', b"{}"],
                         ids=["html", "message", "odd row", "object"])
def test_without_a_list_of_economies_nothing_is_called_an_aggregate(listed: bytes) -> None:
    _, rows = parsed(*both_pages(), countries(listed))
    assert {each.status for each in rows} == {ACTUAL}


@pytest.mark.parametrize(("indicator", "code", "unit"), [
    ("NGDPD", "NY.GDP.MKTP.CD", "US$"), ("NGDPDPC", "NY.GDP.PCAP.CD", "US$"), ("LP", "SP.POP.TOTL", "Persons"),
    ("NGDP_RPCH", "NY.GDP.MKTP.KD.ZG", "Percent change"), ("PCPIPCH", "FP.CPI.TOTL.ZG", "Percent change"),
    ("NE.EXP.GNFS.CD", "NE.EXP.GNFS.CD", ""),
])
def test_units(indicator: str, code: str, unit: str) -> None:
    _, rows = parsed(data(page(row(indicator={"id": code})), indicator, indicator))
    assert [(each.indicator, each.unit, each.scale) for each in rows] == [(indicator, unit, "")]


def test_a_forecast_is_told_where_the_bank_tells_it() -> None:
    _, rows = parsed(data(page(row(obs_status="F"), row(obs_status="E"))))
    assert [each.status for each in rows] == [FORECAST, ACTUAL]


def test_rows_of_another_shape_are_quarantined() -> None:
    odd = ["text", row(date=None), row(value=True), row(value={"a": 1}), row(countryiso3code="", country=None),
           row(indicator={"id": "SP.POP.TOTL"}), row(date="2024Q1")]
    batch, rows = parsed(data(page(row(), *odd)))
    assert len(rows) == 1
    assert [each.detail for each in batch.quarantined] == [
        "a JSON object was expected", "the row has no date", "the value is neither a number nor null",
        "the value is neither a number nor null", "the row names no country",
        "the row is of another indicator than NY.GDP.MKTP.CD"]
    assert batch.set_aside == {"not annual": 1}
    assert batch.rows_read == 8


def test_documents_without_parameters_are_known_by_their_rows() -> None:
    bare = RawDocument("data", "https://example.org", "2025-11-20T08:00:00Z", data=page(row()))
    _, rows = parsed(bare)
    assert [(each.indicator, each.raw) for each in rows] == [("NGDPD", "1.5")]


# --- answers that are not the figures -----------------------------------------------------------------------------


@pytest.mark.parametrize(("bodies", "words"), [
    ([REFUSED], "the API says Invalid value: The provided parameter value is not valid"),
    ([b'[{"message": "odd"}]'], "the API says odd"),
    ([NO_DATA], "no data"),
    ([page()], "no data"),
    ([page(row(date="2024Q1"))], "no yearly figure"),
    ([page(row(), total=2)], "announces 2 rows of NGDPD and gave 1 (1 of 1 pages)"),
    ([page(row(), pages=2, total=2)] * 2, "gave pages [1, 1] of NGDPD where 1 to 2 were asked for"),
    ([page(row(), pages=2, total=2), NO_DATA], "announces 2 rows of NGDPD and gave 1"),
    ([page(row(), pages=2, total=2), page(row(), number=2, pages=2, total=2, lastupdated="2025-10-08")],
     "changed while they were read; run again"),
    ([page(row(), pages=2, total=2), page(row(), number=2, pages=2, total=3)], "changed while they were read"),
    ([page(row(), lastupdated="October")], "lastupdated as 'October', which is no date"),
    ([page(row(), lastupdated=None)], "lastupdated as '', which is no date"),
    ([page(row(), total="many")], "states total as 'many'"),
    ([page(row(), total=-1)], "states total as '-1'"),
    ([page(row(), pages=10**9)], "1,000,000,000"),
    ([b"[]"], "pair of description and rows"),
    ([b"{}"], "pair of description and rows"),
    ([b"<html>"], "not JSON"),
    ([b""], "empty"),
], ids=["message", "odd message", "null", "no rows", "quarterly", "short", "same page twice", "second page null",
        "updated between", "grown between", "no date", "no lastupdated", "words", "negative", "pages", "list", "object",
        "html", "nothing"])
def test_other_answers_are_refused_by_name(bodies: list[bytes], words: str) -> None:
    with pytest.raises(SourceNonsense, match=re.escape(words)) as caught:
        parsed(*map(data, bodies))
    assert caught.value.where == "https://example.org/NGDPD"
    assert caught.value.safe


@pytest.mark.parametrize("body", [REFUSED, NO_DATA, b"<html>", page(row(indicator={"id": "SP.POP.TOTL"}, date="x"))],
                         ids=["message", "null", "html", "no year"])
def test_another_indicator_missing_is_a_warning(body: bytes) -> None:
    documents = [data(page(row()), asked="NGDPD,LP"), data(body, "LP", "NGDPD,LP")]
    batch, rows = parsed(*documents)
    assert [each.indicator for each in rows] == ["NGDPD"]
    assert [scope.indicator for scope in batch.scopes] == ["NGDPD"]
    assert len(batch.warnings) == 1
    assert batch.warnings[0].startswith("The World Bank has no Population (LP): ")


def test_indicators_of_two_editions_are_refused() -> None:
    other = page(row(indicator={"id": "SP.POP.TOTL"}), lastupdated="2025-10-08")
    with pytest.raises(SourceNonsense, match="last updated 2025-10-07 and 2025-10-08"):
        parsed(data(page(row())), data(other, "LP"))


# --- the real answer ----------------------------------------------------------------------------------------------


def real(captures: Path) -> bytes:
    return (captures / "worldbank" / "NY.GDP.MKTP.CD_2024-03-28_page1of2.json").read_bytes()


def test_the_real_truncation_is_refused(captures: Path) -> None:
    with pytest.raises(SourceNonsense, match=r"announces 17,024 rows of NGDPD and gave 10,000 \(1 of 2 pages\)"):
        parsed(data(real(captures)))


def test_real_page_with_a_second_one_made_for_it(captures: Path) -> None:
    meta, rows = json.loads(real(captures))
    second = [row(countryiso3code="ZZZ", country={"id": "ZZ", "value": "Made up"}, date=str(1960 + number % 64))
              for number in range(7024)]
    listed = (captures / "worldbank" / "country_2024-04-16.json").read_bytes()
    batch, staged = parsed(data(real(captures)), data(json.dumps([{**meta, "page": 2}, second]).encode()),
                           countries(listed))
    assert batch.vintage == Vintage("worldbank-wdi", "2024-03-28", "2024-03-28")
    assert (len(staged), batch.rows_read, batch.scopes[0].years) == (17_024, 17_024, tuple(range(1960, 2024)))
    first = staged[:10_000]
    assert [float(each.raw) if each.raw else None for each in first] == [each["value"] for each in rows]
    assert all(each.raw in real(captures).decode() for each in first[::500])
    groups = {each["id"] for each in json.loads(listed)[1] if each["region"]["value"] == "Aggregates"}
    expected = {each["countryiso3code"] or each["country"]["id"] for each in rows
                if each["countryiso3code"] in groups or not each["countryiso3code"]}
    assert len(groups) == 79
    assert {each.code for each in first if each.status == AGGREGATE} == expected
    assert {"AFE", "XD", "WLD"} & expected == {"AFE", "XD", "WLD"} & {each.code for each in first}


def test_real_errors_are_told_in_the_banks_words(captures: Path) -> None:
    for name in ("error_2.body", "error_3.body"):
        with pytest.raises(SourceNonsense, match="The provided parameter value is not valid"):
            parsed(data((captures / "worldbank" / name).read_bytes()))
