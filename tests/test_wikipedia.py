"""Wikipedia's list in small pages of our own: cells and rows, the vintage, pages that are refused, fetching."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from history.model import OBSERVED, STATED
from pipeline.documents import RawDocument
from pipeline.errors import SourceNonsense, UsageError
from pipeline.http import Http
from rules.records import StagedRecord
from sources import Request, available, open_source
from tests.server import Answer, Server
from tests.wikipedia_pages import FIXTURES, ROW, TABLE, page, parse, simple, staged

# --- details ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("head", "caption", "scale", "warned"), [
    ("<th>Country</th><th>IMF (2025)</th>", "GDP (million US$) by country", "Millions", False),
    ("<th>Country</th><th>IMF (2025)</th>", "GDP (millions of US$)", "Millions", False),
    ("<th>Country</th><th>IMF GDP 2025 (US$MM)</th>", "", "Millions", False),
    ("<th>Country</th><th>IMF 2025</th>", "GDP (US$ billion)", "Billions", False),
    ("<th>Country</th><th>IMF 2025 (US$bn)</th>", "GDP in million US$", "Billions", False),
    ("<th>Country</th><th>IMF 2025 (millions or billions)</th>", "GDP in US$ billion", "Billions", False),
    ("<th>Country</th><th>IMF (2025)</th>", "GDP by country", "Millions", True),
], ids=["caption", "millions of", "header", "billion", "header before caption", "unclear header", "silent"])
def test_scale_is_what_the_page_says(head: str, caption: str, scale: str, warned: bool) -> None:
    batch = parse(simple("<tr><td>Japan</td><td>4,390</td></tr>", head=head, caption=caption))
    assert [row.scale for row in batch.rows] == [scale]
    assert bool(batch.warnings) is warned


@pytest.mark.parametrize(("rows", "rule"), [
    ("<tr><td>—</td><td>12</td></tr>", "country name"),
    ("<tr><td></td><td>12</td></tr>", "country name"),
    ("<tr><td>N/A</td><td>12</td></tr>", "country name"),
    ("<tr><td>Chad</td></tr>", "missing cell"),
    (f"<tr><td>Chad</td><td>{'1' * 400}</td></tr>", "too long"),
    (f"<tr><td>{'Chad' * 100}</td><td>12</td></tr>", "too long"),
])
def test_what_cannot_be_used_is_quarantined_with_its_place(rows: str, rule: str) -> None:
    batch = parse(simple("<tr><td>Japan</td><td>4,389,756</td></tr>" + rows))
    assert staged(batch) == [("Japan", "2025", "4,389,756")]
    assert [(each.rule, each.locator) for each in batch.quarantined] == [(rule, "table 1 row 3 column 2")]
    assert batch.rows_read == 2


@pytest.mark.parametrize("year", ["", "n.a.", "[2024]", "2023/2024", "24", "20245"])
def test_a_figure_whose_year_cannot_be_read_is_quarantined(year: str) -> None:
    head = "<th>Country</th><th>IMF estimate</th><th>Year</th>"
    batch = parse(simple(f"<tr><td>Japan</td><td>4,389,756</td><td>2025</td></tr><tr><td>Chad</td><td>18,793</td>"
                         f"<td>{year}</td></tr>", head=head))
    assert staged(batch) == [("Japan", "2025", "4,389,756")]
    assert [(each.rule, each.raw) for each in batch.quarantined] == [("year", "18,793")]


def test_headers_headings_footers_and_empty_rows_are_no_countries() -> None:
    table = ("<table><caption>GDP (million US$)</caption><thead><tr><th>Rank<th>Country<th>IMF (2025)</thead>"
             "<tfoot><tr><td><td>Total<td>9</tfoot><tbody><tr><th>1<td>Japan<td>4,389,756"
             "<tr><td>Rank<td>Country<td>IMF (2025)<tr><td colspan=3>Territories (2025)<tr><td><td><td>"
             "<tr><th>2<th>Aruba<th>4,223<tr><th>Rank<th>Country<th>IMF (2025)</tbody></table>")
    batch = parse(page(table))
    assert staged(batch) == [("Japan", "2025", "4,389,756"), ("Aruba", "2025", "4,223")]
    assert (batch.set_aside, batch.rows_read, batch.quarantined) == (Counter({"aggregate": 1}), 3, [])


def test_a_figure_over_figure_and_year_is_not_its_own_year() -> None:
    head = "<th>Country</th><th>IMF (2025)</th><th>Year</th>"
    batch = parse(simple("<tr><td>Chad</td><td colspan=2>2010</td></tr>", head=head))
    assert staged(batch) == [("Chad", "2025", "2010")]


def test_rowspan_of_three_covers_three_rows() -> None:
    rows = "<tr><td>Japan<td>5<td rowspan=3>2024<tr><td>Chad<td>4<tr><td>Aruba<td>3<tr><td>Palau<td>2<td>2023"
    batch = parse(simple(rows, head="<th>Country<th>IMF<th>Year"))
    assert [each[1] for each in staged(batch)] == ["2024", "2024", "2024", "2023"]


def test_rowspan_carries_a_shared_year_down_to_the_end_of_its_section() -> None:
    table = ('<table><caption>GDP (million US$)</caption><tr><th>Country<th>IMF<th>Year</tr><tbody><tr><td>Japan<td>5'
             '<td rowspan=0>2024<tr><td>Chad<td>4</tbody><tbody><tr><td>Aruba<td>3<td>2023</tbody></table>')
    assert staged(parse(page(table))) == [("Japan", "2024", "5"), ("Chad", "2024", "4"), ("Aruba", "2023", "3")]


def test_scripts_styles_and_nested_tables_in_a_cell_are_not_its_text() -> None:
    cell = "<td><style>.a{b:1}</style><script>9</script><table><tr><td>7</td></tr></table>4,\n389</td>"
    assert staged(parse(simple(f"<tr><td>Japan<!-- 8 --></td>{cell}</tr>"))) == [("Japan", "2025", "4, 389")]


# --- the vintage --------------------------------------------------------------------------------------------------

LINKED = '<div class="printfooter"><a href="https://en.example/w/index.php?title=L&amp;oldid=77">L</a></div>'


@pytest.mark.parametrize(("text", "headers", "expected"), [
    (page(TABLE), {}, ("rev1267927482", "2025-01-07", STATED)),
    (page(TABLE, script='"wgCurRevisionId":5 , "wgRevisionId" : 12'), {}, ("rev12", "2025-01-07", STATED)),
    (page(TABLE, foot="", script='"wgRevisionId":12,"dateModified":"2024-06-30T22:28:25Z"'), {},
     ("rev12", "2024-06-30", STATED)),
    (page(TABLE, script=""), {}, ("2025-01-07T0955", "2025-01-07", STATED)),
    (page(TABLE + LINKED, script=""), {}, ("rev77", "2025-01-07", STATED)),
    (page(TABLE, foot="", script=""), {"last-modified": "Tue, 04 Mar 2025 10:00:00 GMT"},
     ("2025-03-04", "2025-03-04", OBSERVED)),
    (page(TABLE, foot="", script=""), {"last-modified": "yesterday"}, ("2026-11-20", "2026-11-20", OBSERVED)),
    (page(TABLE, foot="This page was last edited on 31 June 2025, at 09:55"), {},
     ("rev1267927482", "2026-11-20", OBSERVED)),
    (page(TABLE, script='"wgRevisionId":0'), {}, ("2025-01-07T0955", "2025-01-07", STATED)),
], ids=["both", "spaces", "metadata", "no number", "permanent link", "last-modified", "fetched", "no such day", "zero"])
def test_vintage(text: str, headers: dict[str, str], expected: tuple[str, str, str]) -> None:
    vintage = parse(text, headers=headers).vintage
    assert (vintage.label, vintage.published, vintage.dating) == expected
    assert (vintage.dataset, vintage.updated) == ("wikipedia-nominal", "")


def test_fingerprint_is_of_the_revision_and_its_figures() -> None:
    source = open_source("wikipedia")

    def of(text: str) -> str:
        return source.fingerprint(RawDocument("page", "u", "2026-11-20T00:00:00Z", data=text.encode()))

    first = of(page(TABLE) + "<!-- request 1, 15 ms -->")
    assert first == of(page(TABLE) + "<!-- request 2, 17 ms -->")
    assert first != of(page(TABLE.replace("4,389", "4,390")))
    assert first != of(page(TABLE, script='"wgRevisionId":1267927483'))
    assert of("<html>a</html>") != of("<html>b</html>")


# --- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "told"), [
    ("", "is empty"),
    ("   \n", "is empty"),
    ('{"error": "no"}', "is not an HTML page"),
    ("%PDF-1.7 ...", "is not an HTML page"),
    ("<html><!-- nothing --></html>", "no table"),
    (page("<p>Our servers are under maintenance</p>", title="Wikimedia Error"), "looks like an error page"),
    (page("<p>Who are you</p>", title="Log in - Wikipedia"), "looks like a login page"),
    (page("<p>Tick</p>", title="Captcha"), "looks like a page for humans only"),
    (page("<table><tr><th>Country<th>Capital<tr><td>Japan<td>Tokyo</table>"), "no table"),
    (page("<table><tr><th>Country<th>World Bank (2024)<tr><td>Japan<td>4</table>"), "no table"),
    (simple(""), "a header and no row"),
    (simple("<tr><td>Japan</td><td>—</td></tr>"), "no figure that can be used"),
    (simple("<tr><td>Japan</td><td>4</td></tr>", head="<th>Country</th><th>IMF</th>"), "no one year"),
    (simple(ROW, caption="GDP (PPP, million Int$)"), "'PPP'"),
    (page(TABLE, title="List of countries by GDP (PPP) - Wikipedia"), "other figures than nominal GDP"),
    (page(TABLE, title="List of countries by GDP (nominal) per capita"), "'per capita'"),
    (page(TABLE).replace("</html>", ""), "cut off"),
    (page("<div>" * 400 + TABLE), "nested deeper"),
    (page("<table></table>" * 501), "more than 500 tables"),
], ids=range(19))
def test_what_is_no_such_page_is_refused_in_clear_words(text: str, told: str) -> None:
    with pytest.raises(SourceNonsense, match=re.escape(told)) as caught:
        parse(text)
    assert caught.value.where == "https://wiki.example/page"
    assert caught.value.safe and caught.value.next_command.startswith("python extract.py --source wikipedia")


@pytest.mark.parametrize("attributes", ["colspan=1000000000", "rowspan=99999999999999999999", "colspan=-3 rowspan=x",
                                        "colspan='2 or so'"])
def test_hostile_spans_do_no_harm(attributes: str) -> None:
    batch = parse(simple(f"{ROW}<tr><td>Chad</td><td {attributes}>18,793</td></tr>"))
    assert staged(batch) == [("Japan", "2025", "4,389,756"), ("Chad", "2025", "18,793")]


def test_a_table_as_wide_and_long_as_allowed_is_no_trap() -> None:
    wide = "<td colspan=1000 rowspan=1000>1</td>"
    batch = parse(simple(ROW + f"<tr><td>Chad</td>{wide}</tr>" * 300))
    assert staged(batch)[:2] == [("Japan", "2025", "4,389,756"), ("Chad", "2025", "1")]
    with pytest.raises(SourceNonsense, match="no table"):
        parse(simple(ROW, head="<th>Country</th><th colspan=1000000000>IMF (2025)</th>"))


def test_a_cell_of_too_many_pieces_is_no_figure() -> None:
    batch = parse(simple(ROW + f"<tr><td>Chad</td><td>{'<b></b>' * 6000}18,793</td></tr>"))
    assert staged(batch) == [("Japan", "2025", "4,389,756")]
    assert [each.rule for each in batch.quarantined] == ["too long"]


def test_a_page_of_fifty_megabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    large = tmp_path / "large.html"
    with large.open("wb") as stream:
        stream.truncate(50_000_000)
    with pytest.raises(SourceNonsense, match="50,000,000 bytes"):
        parse(large)
    with pytest.raises(SourceNonsense, match="bytes"):
        parse(b"<html>" + b" " * 20_000_000)


@pytest.mark.parametrize(("body", "headers"), [
    ("utf-8", {}), ("utf-8-sig", {}), ("utf-16", {}), ("latin-1", {"content-type": "text/html; charset=ISO-8859-1"}),
    ("utf-8", {"content-type": "text/html; charset=rot13"}), ("utf-8", {"content-type": "text/html; charset=zip"}),
])
def test_encodings(body: str, headers: dict[str, str]) -> None:
    text = simple("<tr><td>Curaçao</td><td>3,4\x0056</td></tr>")
    assert staged(parse(text.encode(body), headers=headers)) == [("Curaçao", "2025", "3,456")]


def test_an_encoding_that_is_none_of_the_webs_is_not_followed() -> None:
    text = simple(r"<tr><td>Japan \x41</td><td>4</td></tr>")
    headers = {"content-type": "text/html; charset=unicode_escape"}
    assert staged(parse(text, headers=headers)) == [(r"Japan \x41", "2025", "4")]


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=st.sampled_from(list("<>/tabledrhcopsn=\"'&;#0123456789[]()♠— IMFCountry\n")), max_size=300),
       st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_and_never_crash(text: str, tail: bytes) -> None:
    whole = simple(ROW).replace("</tbody>", text + "</tbody>").encode() + tail
    try:
        batch = parse(whole)
    except SourceNonsense:
        return
    assert batch.rows_read == len(list(batch.rows)) + batch.set_aside.total() + len(batch.quarantined)
    assert all(isinstance(row, StagedRecord) and re.fullmatch("((19|20)[0-9]{2})?", row.year) for row in batch.rows)


# --- fetching -----------------------------------------------------------------------------------------------------


def test_fetch_asks_the_address_given_and_tells_parse_the_indicators(server: Server) -> None:
    body = (FIXTURES / "layout_2025_end_one_header.html").read_bytes()
    server.routes["/wiki/L"] = Answer(body, headers={"Content-Type": "text/html; charset=UTF-8"})
    request = Request("wikipedia", url=server.url + "/wiki/L", indicators=("NGDPD", "NGDPD.UN"))
    source = open_source("wikipedia")
    with Http() as http:
        documents = list(source.fetch(request, http))
    assert [(each.kind, each.body, each.parameters["indicators"]) for each in documents] == [
        ("page", body, "NGDPD,NGDPD.UN")]
    (batch,) = source.parse(documents)
    assert Counter(row.indicator for row in batch.rows) == {"NGDPD": 12, "NGDPD.UN": 12}


def test_fetch_of_saved_pages_needs_no_network(tmp_path: Path) -> None:
    saved = FIXTURES / "layout_2023_web_archive.html"
    source = open_source("wikipedia")
    with Http() as http:
        documents = list(source.fetch(Request("wikipedia", inputs=(saved, saved)), http))
        assert [(each.url, each.path) for each in documents] == [(saved.name, saved)] * 2
        assert [batch.vintage.label for batch in source.parse(documents)] == ["rev1171401355"] * 2
        with pytest.raises(UsageError, match=r"no file gone\.html"):
            list(source.fetch(Request("wikipedia", inputs=(tmp_path / "gone.html",)), http))


def test_the_source_is_listed_with_its_own_years() -> None:
    assert available()["wikipedia"].startswith("Wikipedia's")
    source = open_source("wikipedia")
    assert (source.dataset, source.own_years, source.needs_input) == ("wikipedia-nominal", True, False)
    assert source.default_url == "https://en.wikipedia.org/wiki/List_of_countries_by_GDP_(nominal)"
