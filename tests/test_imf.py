"""The imf source: SDMX-ML 2.1 in both forms, the vintage it states, and every way it says no."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from history.model import Scope, Vintage
from pipeline.documents import RawDocument
from pipeline.errors import SourceNonsense, UsageError
from pipeline.http import Http
from rules.records import ACTUAL, FORECAST, UNKNOWN, Quarantined, StagedRecord
from sources import Request, VintageBatch
from sources.imf import ACCEPT, Source
from tests.server import Answer, Server

FIXTURES = Path(__file__).parent / "fixtures" / "imf"
OCTOBER = Vintage("imf-weo", "2025-10", "2025-10-14", "2025-11-19T21:00:00Z")
ALL = "NGDPD,LP,NGDPDPC,GGXWDG_NGDP"


def document(body: bytes, indicators: str = "NGDPD", **more: str) -> RawDocument:
    parameters = {"indicators": indicators, **more}
    return RawDocument("data", "https://example.org/WEO", "2026-04-02T16:53:31Z", parameters=parameters, data=body)


def fixture(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def parsed(body: bytes, indicators: str = "NGDPD", **more: str) -> tuple[VintageBatch, list[StagedRecord]]:
    [batch] = Source().parse([document(body, indicators, **more)])
    return batch, list(batch.rows)


def message(series: str, dates: str = 'PUBLICATION_DATE="2025-10-14"', before: str = "") -> bytes:
    return (f'{before}<m:StructureSpecificData xmlns:m="urn:m"><m:DataSet {dates}>{series}</m:DataSet>'
            "</m:StructureSpecificData>").encode()


ONE = '<Series COUNTRY="AAA" INDICATOR="NGDPD" FREQUENCY="A"><Obs TIME_PERIOD="2024" OBS_VALUE="1"/></Series>'


@pytest.fixture
def http() -> Iterator[Http]:
    with Http(retries=0, timeout=5) as running:
        yield running


# --- fetch --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("url", "indicators", "asked", "partial"), [
    ("/data/IMF.RES,WEO", ("NGDPD", "LP"), "/data/IMF.RES,WEO/.NGDPD+LP.A", None),
    ("/data/IMF.RES,WEO/", ("NGDPD",), "/data/IMF.RES,WEO/.NGDPD.A", None),
    ("/data/IMF.RES,WEO,9.0.0", ("NGDPD",), "/data/IMF.RES,WEO,9.0.0/.NGDPD.A", None),
    ("", ("NGDPD",), "/.NGDPD.A", None),
    ("/data/IMF.RES,WEO", (), "/data/IMF.RES,WEO/.NGDPD+NGDP_RPCH+NGDPDPC+LP+PCPIPCH.A", None),
    ("/data/IMF.RES,WEO?lastNObservations=1", ("LP",), "/data/IMF.RES,WEO/.LP.A?lastNObservations=1", "yes"),
    ("/data/IMF.RES,WEO/USA+KOR.NGDPD.A", ("NGDPD",), "/data/IMF.RES,WEO/USA+KOR.NGDPD.A", "yes"),
    ("/data/IMF.RES,WEO/.NGDPD.A", ("NGDPD",), "/data/IMF.RES,WEO/.NGDPD.A", None),
    ("/data/IMF.RES,WEO/.NGDPD.A?startPeriod=2020", ("LP",), "/data/IMF.RES,WEO/.NGDPD.A?startPeriod=2020", "yes"),
    ("/data/IMF.RES,WEO", ("A/B C",), "/data/IMF.RES,WEO/.A%2FB%20C.A", None),
], ids=["base", "slash", "version", "bare host", "default", "query", "own key", "own key of all", "own key and query",
        "quoted"])
def test_one_request_asks_for_all_indicators(server: Server, http: Http, url: str, indicators: tuple[str, ...],
                                             asked: str, partial: str | None) -> None:
    server.routes[asked] = Answer(fixture("two_economies.xml"))
    [got] = Source().fetch(Request("imf", url=server.url + url, indicators=indicators), http)
    assert [each.path for each in server.asked] == [asked]
    assert server.asked[0].headers["accept"] == ACCEPT
    assert got.kind == "data"
    assert got.parameters.get("partial") == partial
    assert got.parameters["indicators"] == ",".join(indicators or ("NGDPD", "NGDP_RPCH", "NGDPDPC", "LP", "PCPIPCH"))


def test_an_address_that_is_none_is_wrong_usage(http: Http) -> None:
    with pytest.raises(UsageError, match="no address that can be asked"):
        list(Source().fetch(Request("imf", url="http://[bad"), http))


@pytest.mark.parametrize("answer", [Answer(b"", 204), Answer(b"", 200), Answer(b"gone", 404),
                                    Answer(b"<html><body>no</body></html>"), Answer(b'{"errors": []}')],
                         ids=["204", "nothing", "404", "html", "json"])
def test_refusals_of_the_service_are_nonsense(server: Server, http: Http, answer: Answer) -> None:
    server.routes["/.NGDPD.A"] = answer
    with pytest.raises(SourceNonsense):
        list(Source().fetch(Request("imf", url=server.url, indicators=("NGDPD",)), http))


def test_without_url_the_imf_itself_is_asked() -> None:
    class Told:
        url = ""

        def get(self, url: str, **_: object) -> RawDocument:
            self.url = url
            return document(b"")

    told = Told()
    list(Source().fetch(Request("imf", indicators=("NGDPD",)), told))  # type: ignore[arg-type]
    assert told.url == "https://api.imf.org/external/sdmx/2.1/data/IMF.RES,WEO/.NGDPD.A"


# --- parse --------------------------------------------------------------------------------------------------------


def test_rows_of_structure_specific_data() -> None:
    batch, rows = parsed(fixture("two_economies.xml"), ALL)
    assert rows == [
        StagedRecord("AAA", "", "NGDPD", "2024", "1234565000000", "US$", "", ACTUAL, "AAA.NGDPD.A/2024"),
        StagedRecord("AAA", "", "NGDPD", "2025", "1300000000000", "US$", "", FORECAST, "AAA.NGDPD.A/2025"),
        StagedRecord("AAA", "", "NGDPD", "2026", "", "US$", "", FORECAST, "AAA.NGDPD.A/2026"),
        StagedRecord("BBB", "", "NGDPD", "2023", "2675000", "US$", "", ACTUAL, "BBB.NGDPD.A/2023"),
        StagedRecord("BBB", "", "NGDPD", "2024", "NaN", "US$", "", FORECAST, "BBB.NGDPD.A/2024"),
        StagedRecord("AAA", "", "LP", "2024", "51752000", "Persons", "", UNKNOWN, "AAA.LP.A/2024"),
        StagedRecord("CCC", "", "NGDPDPC", "2024", "36023.875", "US$", "", UNKNOWN, "CCC.NGDPDPC.A/2024"),
        StagedRecord("AAA", "", "GGXWDG_NGDP", "2024", "52.5", "PT_GDP", "", UNKNOWN, "AAA.GGXWDG_NGDP.A/2024"),
    ]
    assert batch.vintage == OCTOBER
    assert batch.scopes == [
        Scope(OCTOBER, "NGDPD", (2023, 2024, 2025, 2026), complete=True),
        Scope(OCTOBER, "LP", (2024,), complete=True),
        Scope(OCTOBER, "NGDPDPC", (2024,), complete=True),
        Scope(OCTOBER, "GGXWDG_NGDP", (2024,), complete=True),
    ]
    assert batch.decimals == {"NGDPD": -6, "LP": -3, "NGDPDPC": 3}


def test_what_is_left_out_is_counted() -> None:
    batch, rows = parsed(fixture("two_economies.xml"), "NGDPD,PCPIPCH")
    assert batch.set_aside == {"not annual": 1, "not asked for": 3}
    assert [each.rule for each in batch.quarantined] == ["no-period", "no-key"]
    assert batch.quarantined[1] == Quarantined("no-key", "?.NGDPD/2024", "1", "a series without COUNTRY or INDICATOR")
    assert batch.rows_read == 11 == len(rows) + batch.set_aside.total() + len(batch.quarantined)
    assert batch.warnings == ["The IMF's answer has no Inflation, average consumer prices (PCPIPCH): no series in the "
                              "answer"]


def test_generic_data_reads_the_same() -> None:
    batch, rows = parsed(fixture("generic.xml"))
    assert rows == [
        StagedRecord("AAA", "", "NGDPD", "2023", "100500000000", "US$", "", ACTUAL, "AAA.NGDPD.A/2023"),
        StagedRecord("AAA", "", "NGDPD", "2024", "101000000000", "US$", "", FORECAST, "AAA.NGDPD.A/2024"),
    ]
    assert (batch.rows_read, batch.quarantined) == (2, [])
    assert batch.vintage == Vintage("imf-weo", "2025-04", "2025-04-22")  # updated two hours after: the same edition
    assert batch.decimals == {"NGDPD": -6}


@pytest.mark.parametrize(("first", "second", "expected"), [
    ('DECIMALS_DISPLAYED="3" SCALE="9"', 'DECIMALS_DISPLAYED="2" SCALE="9"', {"NGDPD": -6}),
    ('DECIMALS_DISPLAYED="2" SCALE="9"', 'DECIMALS_DISPLAYED="3" SCALE="9"', {"NGDPD": -6}),
    ('DECIMALS_DISPLAYED="3"', "", {"NGDPD": 3}),
    ('DECIMALS_DISPLAYED="three" SCALE="9"', 'DECIMALS_DISPLAYED="3" SCALE="1e9"', {}),
    ('DECIMALS_DISPLAYED="99999999999"', 'SCALE="9"', {}),
], ids=["finest first", "finest last", "no scale", "words", "absurd"])
def test_decimals_are_the_finest_stated_in_full_units(first: str, second: str, expected: dict[str, int]) -> None:
    two = ONE.replace("FREQ", f"{first} FREQ") + ONE.replace("FREQ", f"{second} FREQ").replace("AAA", "BBB")
    assert parsed(message(two))[0].decimals == expected


def test_an_answer_about_some_economies_speaks_only_for_them() -> None:
    batch, _ = parsed(fixture("two_economies.xml"), partial="yes")
    assert [scope.complete for scope in batch.scopes] == [False]


def test_parse_reads_a_file_of_the_archive(tmp_path: Path) -> None:
    path = tmp_path / "answer.xml"
    path.write_bytes(fixture("two_economies.xml"))
    [batch] = Source().parse([replace(document(b"", ALL), data=None, path=path)])
    assert list(batch.rows) == parsed(fixture("two_economies.xml"), ALL)[1]


def test_without_stated_indicators_all_are_staged() -> None:
    _, rows = parsed(fixture("two_economies.xml"), "")
    assert {row.indicator for row in rows} == {"NGDPD", "LP", "NGDPDPC", "GGXWDG_NGDP"}


def test_an_informative_footer_is_a_warning() -> None:
    batch, rows = parsed(fixture("footer.xml").replace(b'"Warning"', b'"Information"'))
    assert batch.warnings == ["The IMF remarks: 413 The result was cut: too large"]
    assert len(rows) == 1


# --- the vintage --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("published", "updated", "label", "expected"), [
    ("2025-10-14T13:00:00Z", "2025-11-19T21:00:00Z", "2025-10", "2025-11-19T21:00:00Z"),
    ("2025-10-14", "2025-11-19", "2025-10", "2025-11-19"),
    ("2025-10-14T13:00:00Z", "2025-11-19T21:00:00.123+02:00", "2025-10", "2025-11-19T19:00:00Z"),
    ("2025-10-14T13:00:00", "2025-11-19T21:00:00", "2025-10", "2025-11-19T21:00:00Z"),
    ("2025-10-14T13:00:00Z", "2025-10-14T15:30:00Z", "2025-10", ""),
    ("2025-10-14T13:00:00Z", "2025-10-02T09:00:00Z", "2025-10", ""),
    ("2025-10-14T13:00:00Z", "", "2025-10", ""),
    ("2025-09-30T23:00:00-04:00", "", "2025-10", ""),
], ids=["times", "days", "offset", "no zone", "same day", "before", "absent", "published by night"])
def test_vintage_is_what_the_dataset_states(published: str, updated: str, label: str, expected: str) -> None:
    dates = f'PUBLICATION_DATE="{published}"' + (f' UPDATE_DATE="{updated}"' if updated else "")
    batch, _ = parsed(message(ONE, dates))
    assert (batch.vintage.label, batch.vintage.updated, batch.vintage.dating) == (label, expected, "stated")


@pytest.mark.parametrize(("dates", "words"), [
    ("", "states no PUBLICATION_DATE"),
    ('UPDATE_DATE="2025-11-19"', "states no PUBLICATION_DATE"),
    ('PUBLICATION_DATE="October 2025"', "PUBLICATION_DATE is 'October 2025', which is no date"),
    ('PUBLICATION_DATE="2025-10-14" UPDATE_DATE="9/23/2025"', "UPDATE_DATE is '9/23/2025', which is no date"),
    ('PUBLICATION_DATE="0001-01-01T00:00:00+14:00"', "which is no date"),
], ids=["none", "update only", "words", "american", "before all time"])
def test_an_answer_without_its_edition_is_refused(dates: str, words: str) -> None:
    with pytest.raises(SourceNonsense, match=re.escape(words)):
        parsed(message(ONE, dates))


def test_two_editions_in_one_answer_are_refused() -> None:
    two = message(ONE + '</m:DataSet><m:DataSet PUBLICATION_DATE="2025-04-22">' + ONE)
    with pytest.raises(SourceNonsense, match="mixes 2 editions"):
        parsed(two)


def test_fingerprint_ignores_the_header_only() -> None:
    body = fixture("two_economies.xml")
    later = body.replace(b"DS1", b"DS999").replace(b"2026-04-02T16:53:31Z", b"2026-05-01T00:00:00Z")
    other = body.replace(b"1234565000000", b"1234565000001")
    prints = [Source().fingerprint(document(each)) for each in (body, later, other)]
    assert prints[0] == prints[1] != prints[2]


def test_fingerprint_of_headers_without_end_is_quick() -> None:
    began = time.perf_counter()
    Source().fingerprint(document(b"<Header>" * 300_000))
    assert time.perf_counter() - began < 2


# --- answers that are not the figures -----------------------------------------------------------------------------


BOMB = ('<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefgh", "bcdefghi", strict=True)) + "]>")
LEAK = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(("body", "words"), [
    (b"", "answered with nothing"),
    (b" \n ", "answered with nothing"),
    (b'{"errors": [{"code": 404, "title": "not found"}]}', 'JSON in place of SDMX-ML: {"errors"'),
    (b"<html><body>Access Denied</body></html>", "web page in place"),
    (b"<!DOCTYPE html><HTML><body/></HTML>", "document type"),
    (b'<m:Structure xmlns:m="urn:m"/>', "describes a structure"),
    (b"<rss/>", "root element is <rss>"),
    (b"plain words", "broken or cut off XML"),
    (b"\xff\xfe\x00<\x00", "broken or cut off XML"),
    (message(""), "without a single yearly series"),
    (b'<m:StructureSpecificData xmlns:m="urn:m"/>', "without a single yearly series"),
    (message('<Obs COUNTRY="A" INDICATOR="NGDPD" TIME_PERIOD="2024" OBS_VALUE="1"/>'), "AllDimensions"),
    (message(ONE.replace('"2024"', '"2024-Q1"')), "without a single yearly series"),
    (message(ONE.replace('"A"', '"Q"')), "without a single yearly series"),
    (message(ONE.replace('"A"', '"Q"') + ONE)[:-40], "broken or cut off XML"),
    (message(ONE.replace('"1"', '"&i;"'), before=BOMB), "document type"),
    (message(ONE.replace('"1"', '"&a;"'), before=LEAK), "(document type|broken)"),
    (b"<a>" * 5000, "broken or cut off XML"),
], ids=["empty", "blank", "json", "html", "doctype html", "structure", "other", "words", "binary", "no series",
        "no dataset", "flat", "quarterly period", "quarterly", "cut", "entities", "file entity", "deep"])
def test_other_answers_are_refused_by_name(body: bytes, words: str) -> None:
    with pytest.raises(SourceNonsense, match=words if words.startswith("(") else re.escape(words)) as caught:
        parsed(body)
    assert caught.value.where == "https://example.org/WEO"
    assert "/root:" not in str(caught.value)


@pytest.mark.parametrize(("name", "words"), [
    ("error.xml", "SDMX message in place of the whole figures: 100 No Results Found"),
    ("footer.xml", "SDMX message in place of the whole figures: 413 The result was cut: too large"),
])
def test_sdmx_messages_are_told_in_their_own_words(name: str, words: str) -> None:
    with pytest.raises(SourceNonsense, match=words):
        parsed(fixture(name))


def test_an_answer_without_gdp_is_refused_when_gdp_was_asked_for() -> None:
    body = message(ONE.replace("NGDPD", "LP"))
    with pytest.raises(SourceNonsense, match=re.escape("has no GDP, current prices (NGDPD)")):
        parsed(body, "LP,NGDPD")
    assert len(parsed(body, "LP")[1]) == 1


@given(st.binary(max_size=60), st.integers(0, 3000))
def test_damaged_bytes_never_end_in_another_error(noise: bytes, place: int) -> None:
    body = fixture("two_economies.xml")
    try:
        parsed(body[:place] + noise + body[place + len(noise):], ALL)
    except SourceNonsense as error:
        assert error.what


# --- real and large -----------------------------------------------------------------------------------------------


def test_real_series(captures: Path) -> None:
    batch, rows = parsed((captures / "imf_sdmx" / "khaeru_WEO-data.xml").read_bytes(), "NGDP_R")
    assert rows == [StagedRecord("SVK", "", "NGDP_R", "2018", "94669000000", "XDC", "", ACTUAL, "SVK.NGDP_R.A/2018")]
    assert batch.vintage == OCTOBER
    assert batch.decimals == {"NGDP_R": -6}


def test_key_order_is_that_of_the_published_structure(captures: Path) -> None:
    structure = (captures / "imf_sdmx" / "khaeru_WEO-structure.xml").read_text(encoding="utf-8")
    order = re.findall(r'<str:Dimension id="(\w+)"[^>]*position="(\d)"', structure)
    assert order == [("COUNTRY", "0"), ("INDICATOR", "1"), ("FREQUENCY", "2")]


def large(indicators: Sequence[str]) -> bytes:
    pairs = [(f"C{number}", indicator) for number in range(230) for indicator in indicators]
    groups = "".join(f'<Group INDICATOR="{i}" COUNTRY="{c}" LATEST_ACTUAL_ANNUAL_DATA="2024"/>' for c, i in pairs)
    observed = "".join(f'<Obs TIME_PERIOD="{year}" OBS_VALUE="94669000000"/>' for year in range(1980, 2031))
    return message(groups + "".join(f'<Series COUNTRY="{c}" INDICATOR="{i}" FREQUENCY="A">{observed}</Series>'
                                    for c, i in pairs))


def test_a_whole_outlook_parses_in_a_moment() -> None:
    indicators = ("NGDPD", "NGDP_RPCH", "NGDPDPC", "LP", "PCPIPCH")
    body = large(indicators)
    began = time.process_time()
    _, rows = parsed(body, ",".join(indicators))
    assert time.process_time() - began < 5  # 0.3 s measured: one that reads all for each row takes minutes
    assert len(rows) == 230 * 5 * 51
