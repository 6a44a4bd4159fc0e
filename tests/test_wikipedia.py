"""Wikipedia's list: every layout in a small page of our own, the real pages read by other means, hostile pages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from history.model import OBSERVED, STATED
from pipeline.documents import RawDocument
from pipeline.errors import SourceNonsense, UsageError
from pipeline.http import Http
from rules.records import FORECAST, UNKNOWN, StagedRecord
from sources import Request, VintageBatch, available, open_source
from tests.server import Answer, Server

FIXTURES = Path(__file__).parent / "fixtures" / "wikipedia"
TITLE = "List of countries by GDP (nominal) - Wikipedia"


def parse(page: str | bytes | Path, *, indicators: str = "", headers: dict[str, str] | None = None) -> VintageBatch:
    path = page if isinstance(page, Path) else None
    data = page.encode() if isinstance(page, str) else page if isinstance(page, bytes) else None
    document = RawDocument("page", "https://wiki.example/page", "2026-11-20T21:05:09Z", headers or {},
                           {"indicators": indicators}, path, data)
    (batch,) = open_source("wikipedia").parse([document])
    return batch


def staged(batch: VintageBatch) -> list[tuple[str, str, str]]:
    return [(row.name, row.year, row.raw) for row in batch.rows]


def page(table: str, *, title: str = TITLE, foot: str = "This page was last edited on 7 January 2025, at 09:55",
         script: str = '"wgRevisionId":1267927482') -> str:
    return (f"<!DOCTYPE html><html><head><title>{title}</title><script>x={{{script}}}</script></head><body>{table}"
            f'<ul><li id="footer-info-lastmod"> {foot}</li></ul></body></html>')


def simple(rows: str, *, head: str = "<th>Country</th><th>IMF (2025)</th>", caption: str = "GDP (million US$)") -> str:
    return page(f"<table><caption>{caption}</caption><tbody><tr>{head}</tr>{rows}</tbody></table>")


# --- the layouts --------------------------------------------------------------------------------------------------

LAYOUTS: dict[str, tuple[str, str, Counter[str], list[tuple[str, str, str]]]] = {
    "layout_2018_side_by_side": ("rev840456131", "2018-06-15", Counter({"not asked for": 8}), [
        ("World[19]", "2017", "7007806837870000000♠80,683,787"),
        ("United States", "2017", "7007194854000000000♠19,485,400"),
        ("European Union[n 1]", "2017", "7007173088620000000♠17,308,862"),
        ("China[n 2]", "2017", "7007120146100000000♠12,014,610"),
        ("Japan", "2017", "7006487320200000000♠4,873,202"),
        ("Germany", "2017", "7006370061300000000♠3,700,613"),
        ("Taiwan", "2017", "7005572594000000000♠572,594"),
        ("DR Congo", "2017", "7004414410000000000♠41,441"),
        ("Kosovo", "2017", "7003712900000000000♠7,129"),
        ("Tuvalu", "2017", "7001400000000000000♠40"),
    ]),
    "layout_2021_prettified": ("rev1020000001", "2021-05-10", Counter({"not asked for": 22}), [
        ("World", "2021", "93,863,851"), ("United States †", "2021", "22,675,271"), ("China †", "2021", "16,642,318"),
        ("Japan †", "2021", "5,378,136"), ("Taiwan †", "2021", "759,104"), ("Bangladesh †", "2021", "352,908"),
        ("Cuba †", "", "N/A"), ("Syria †", "2010", "60,043"), ("Kosovo †", "2021", "8,810"), ("Zanzibar", "", "N/A"),
        ("Tuvalu †", "2021", "57"),
    ]),
    "layout_2023_web_archive": ("rev1171401355", "2023-08-20", Counter({"not asked for": 14}), [
        ("World", "2023", "105,568,776"), ("United States", "2023", "26,854,599"), ("China", "2023", "19,373,586"),
        ("Taiwan", "2023", "790,728"), ("Pakistan", "", "—"), ("Palestine", "2022", "19,206"), ("Tuvalu", "2023", "65"),
    ]),
    "layout_2025_mid_territories": ("rev1297000003", "2025-07-05", Counter({"not asked for": 20}), [
        ("World", "2025", "113,795,678"), ("United States", "2025", "30,507,217"), ("China", "2025", "19,231,705"),
        ("Germany", "2025", "4,744,804"), ("Taiwan", "2025", "804,889"), ("Hong Kong", "2025", "423,999"),
        ("Puerto Rico", "2024", "121,510"), ("Bermuda", "", "—"), ("Kosovo", "2025", "11,268"),
        ("Tuvalu", "2025", "65"),
    ]),
    "layout_2025_end_one_header": ("rev1330000005", "2025-11-30", Counter({"not asked for": 24}), [
        ("World", "2025", "117,165,394"), ("United States", "2025", "30,615,743"), ("China[n 1]", "2025", "19,398,577"),
        ("Germany", "2025", "5,013,574"), ("Syria", "2025", "—N/a"), ("Taiwan[n 2]", "2025", "884,387"),
        ("Pakistan", "2025", "410,495"), ("Sri Lanka", "2024", "98,964 (2024)"),
        ("Lebanon", "2024", "28,280 (2024)[n 7]"), ("Cuba", "2025", "—N/a"), ("Kosovo", "2025", "11,851"),
        ("Tuvalu", "2025", "66"),
    ]),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout(layout: str) -> None:
    label, published, aside, rows = LAYOUTS[layout]
    batch = parse(FIXTURES / f"{layout}.html")
    found = list(batch.rows)
    assert [(row.name, row.year, row.raw) for row in found] == rows
    assert {(row.code, row.indicator, row.unit, row.scale) for row in found} == {("", "NGDPD", "US$", "Millions")}
    assert (batch.vintage.label, batch.vintage.published, batch.vintage.updated, batch.vintage.dating) == (
        label, published, "", STATED)
    assert (batch.set_aside, batch.quarantined, batch.warnings) == (aside, [], [])
    assert batch.rows_read == len(rows) + aside.total()
    (scope,) = batch.scopes
    assert (scope.vintage, scope.indicator, scope.complete) == (batch.vintage, "NGDPD", False)
    assert scope.years == tuple(sorted({int(year) for _, year, _ in rows if year}))


@pytest.mark.parametrize(("layout", "locator"), [
    ("layout_2018_side_by_side", "table 3 row 4 column 2"),
    ("layout_2025_mid_territories", "table 1 row 9 column 2"),
])
def test_locator_of_a_row_without_its_rank_is_where_the_cell_stands(layout: str, locator: str) -> None:
    rows = {row.locator: row.name for row in parse(FIXTURES / f"{layout}.html").rows}
    assert rows[locator] in ("European Union[n 1]", "Puerto Rico")


@pytest.mark.parametrize(("layout", "indicator", "rows"), [
    ("layout_2018_side_by_side", "NGDPD.WB", [("United States", "2017", "7007193906040000000♠19,390,604")]),
    ("layout_2018_side_by_side", "NGDPD.UN", [("China", "2016", "7007112182810000000♠11,218,281")]),
    ("layout_2021_prettified", "NGDPD.UN", [("Cuba †", "2018", "105,354")]),
    ("layout_2021_prettified", "NGDPD.WB", [("Cuba †", "2019", "100,023"), ("Syria †", "", "N/A")]),
    ("layout_2025_end_one_header", "NGDPD.WB", [("Lebanon", "2023", "20,079 (2023)"), ("Pakistan", "2024", "373,072")]),
])
def test_other_estimates_come_when_asked_by_name(layout: str, indicator: str, rows: list[tuple[str, str, str]]) -> None:
    batch = parse(FIXTURES / f"{layout}.html", indicators=f"NGDPD,{indicator}")
    found = [(row.name, row.year, row.raw) for row in batch.rows if row.indicator == indicator]
    assert set(rows) <= set(found)
    assert [scope.indicator for scope in batch.scopes] == ["NGDPD", indicator]
    assert batch.rows_read == len(list(batch.rows)) + batch.set_aside.total() + len(batch.quarantined)


def test_nothing_of_the_imf_is_staged_when_only_other_indicators_are_asked_for() -> None:
    batch = parse(FIXTURES / "layout_2023_web_archive.html", indicators="LP")
    assert (list(batch.rows), batch.scopes, batch.set_aside) == ([], [], Counter({"not asked for": 21}))


def test_figures_of_the_revisions_year_and_later_are_forecasts() -> None:
    batch = parse(FIXTURES / "layout_2025_end_one_header.html")
    assert {row.name: row.status for row in batch.rows if row.name in ("Germany", "Sri Lanka", "Syria")} == {
        "Germany": FORECAST, "Sri Lanka": UNKNOWN, "Syria": UNKNOWN}


# --- the column order and the table's place do not matter ---------------------------------------------------------

FIGURES = {
    "IMF": [("115,494,312", "2025"), ("814,438", "[n 4]2024"), ("—", None), ("66", "2024")],
    "World Bank": [("105,435,540", "2023"), ("—", None), ("8,980", "2021"), ("62", "2023")],
    "United Nations": [("100,834,796", "2022"), ("—", None), ("18,595", "2022"), ("59", "2022")],
}
COUNTRIES = ["World", "Taiwan", "Syria", "Tuvalu"]


def two_header_rows(order: Sequence[str], *, rank: bool, region: bool) -> str:
    def cells(publisher: str, number: int) -> str:
        figure, year = FIGURES[publisher][number]
        return f'<td colspan="2">{figure}' if year is None else f"<td>{figure}</td><td>{year}"

    lead = '<th rowspan="2">Rank</th>' * rank + '<th rowspan="2">Country/Territory</th>'
    lead += '<th rowspan="2">UN region</th>' * region
    head = lead + "".join(f'<th colspan="2">{name}[1]</th>' for name in order)
    body = "".join("<tr>" + f"<td>{number}</td>" * rank + f"<td>{country}</td>" + "<td>Asia</td>" * region
                   + "</td>".join(cells(name, number) for name in order) + "</td></tr>"
                   for number, country in enumerate(COUNTRIES))
    return (f"<table><caption>GDP (million US$)</caption><tr>{head}</tr><tr>"
            f"{'<th>Estimate</th><th>Year</th>' * len(order)}</tr>{body}</table>")


DECOY = ("<table><caption>Largest economies by the IMF</caption><tr><th>Country</th><th>IMF (2020)</th></tr>"
         "<tr><td>Nowhere</td><td>1</td></tr></table>")


@settings(max_examples=60, deadline=None)
@given(order=st.permutations(list(FIGURES)), rank=st.booleans(), region=st.booleans(),
       decoys=st.tuples(st.integers(0, 3), st.integers(0, 3)))
def test_any_order_of_the_estimates_yields_the_same_rows(order: list[str], rank: bool, region: bool,
                                                         decoys: tuple[int, int]) -> None:
    table = DECOY * decoys[0] + two_header_rows(order, rank=rank, region=region) + DECOY * decoys[1]
    batch = parse(page(table), indicators="NGDPD,NGDPD.WB,NGDPD.UN")
    found = {name: [(row.name, row.raw, row.year) for row in batch.rows if row.indicator == name]
             for name in ("NGDPD", "NGDPD.WB", "NGDPD.UN")}
    assert found == {
        indicator: [(country, raw, (year or "")[-4:]) for country, (raw, year) in zip(COUNTRIES, rows, strict=True)]
        for indicator, rows in zip(("NGDPD", "NGDPD.WB", "NGDPD.UN"), FIGURES.values(), strict=True)}


def test_the_nearest_header_names_the_publisher_under_a_banner_that_names_another() -> None:
    table = ("<table><caption>GDP (million US$)</caption><tr><th colspan=3>List after the IMF's WEO<tr><th>Country"
             "<th>World Bank (2024)<th>IMF (2025)<tr><td>Japan<td>1<td>2</table>")
    assert staged(parse(page(table))) == [("Japan", "2025", "2")]


def test_a_label_names_the_publisher_where_only_a_region_seems_to() -> None:
    table = ("<h3>International Monetary Fund (2017)</h3><div><table><tr><th>Rank<th>Country<th>UN region"
             "<th>GDP (US$MM)<tr><td>1<td>Japan<td>Asia<td>2</table></div>")
    assert staged(parse(page(table))) == [("Japan", "2017", "2")]


def test_several_columns_of_one_publisher_keep_each_its_year() -> None:
    head = "<th>Country<th>IMF estimate<th>IMF<br>Year<th>IMF forecast<th>Year (IMF)"
    head = head.replace("IMF<br>Year", "Year (IMF)")
    batch = parse(simple("<tr><td>Japan<td>1<td>2024<td>2<td>2025", head=head))
    assert staged(batch) == [("Japan", "2024", "1"), ("Japan", "2025", "2")]


def test_of_two_tables_of_one_size_the_first_is_taken() -> None:
    batch = parse(page(TABLE + TABLE.replace("Japan", "Chad")))
    assert staged(batch) == [("Japan", "2025", "4,389,756")]


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

ROW = "<tr><td>Japan</td><td>4,389,756</td></tr>"
TABLE = f"<table><caption>GDP (US$ million)</caption><tr><th>Country</th><th>IMF (2025)</th></tr>{ROW}</table>"
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


# --- the real pages, read by other means --------------------------------------------------------------------------


class Reader(HTMLParser):
    """The standard library's parser, with nothing of ours: tables as rows of (tag, colspan, text)."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[tuple[str, int, str]]]] = []
        self.open: list[int] = []
        self.skipping = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append([])
            self.open.append(len(self.tables) - 1)
        elif tag in ("style", "script"):
            self.skipping += 1
        elif self.open and tag == "tr":
            self.tables[self.open[-1]].append([])
        elif self.open and tag in ("td", "th") and self.tables[self.open[-1]]:
            self.tables[self.open[-1]][-1].append((tag, int(dict(attrs).get("colspan") or 1), ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self.open.pop()
        elif tag in ("style", "script"):
            self.skipping -= 1

    def handle_data(self, data: str) -> None:
        table = self.tables[self.open[-1]] if self.open else []
        if table and table[-1] and not self.skipping:
            tag, across, text = table[-1][-1]
            table[-1][-1] = (tag, across, text + data)


def read_otherwise(path: Path, column: int) -> list[tuple[str, str, str]]:
    """Return (name, year, raw) of the largest table of the page, the IMF's figure standing in `column` (from 0)."""
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    rows = []
    for row in max(reader.tables, key=len):
        cells = [text for tag, across, text in row if tag == "td" for _ in range(across)]
        if cells:
            year = re.sub(r"\[.*?\]", "", cells[column + 1]).strip()
            rows.append((" ".join(cells[0].split()), year if year.isdigit() else "", cells[column].strip()))
    return rows


# name, column of the IMF's figure, economies, of these without a figure, then SPOTS
SPOTS = ("United States", "China", "Japan", "Germany", "Tuvalu", "Kosovo", "Taiwan")
CAPTURES = [
    ("en_2021-06-30_rev1031213417", 3, 213, 18, "22,675,271 16,642,318 5,378,136 4,319,286 57 8,810 759,104"),
    ("en_2023-08-20_rev1171401355_webarchive", 2, 213, 22,
     "26,854,599 19,373,586 4,409,738 4,308,854 65 9,990 790,728"),
    ("en_2024-06-30_rev1231904749", 1, 213, 19, "28,781,083 18,532,633 4,110,452 4,591,100 66 11,318 802,958"),
    ("en_2025-01-07_rev1267927482", 1, 209, 15, "30,337,162 19,534,894 4,389,326 4,921,563 66 11,318 814,438"),
    ("en_2025-01-09_rev1268441880_world_typo", 1, 209, 15,
     "30,337,162 19,534,894 4,389,326 4,921,563 66 11,318 814,438"),
]


@pytest.mark.parametrize(("name", "column", "economies", "without", "spot"), CAPTURES, ids=[row[0] for row in CAPTURES])
def test_real_page(captures: Path, name: str, column: int, economies: int, without: int, spot: str) -> None:
    path = captures / "wikipedia" / f"{name}.html"
    batch = parse(path)
    found = staged(batch)
    assert found == read_otherwise(path, column)
    assert len([each for each in found if each[0] != "World"]) == economies
    assert len([each for each in found if not each[1]]) == without
    figures = {each[0].rstrip("†"): each[2] for each in found}
    assert [figures[each] for each in SPOTS] == spot.split()
    day, label = re.findall(r"_([0-9-]{10})_(rev[0-9]+)", name)[0]
    assert (batch.vintage.published, batch.vintage.label, batch.vintage.dating) == (day, label, STATED)
    assert (batch.quarantined, batch.warnings, batch.set_aside.total()) == ([], [], 2 * len(found))


def test_the_worlds_typo_is_staged_as_it_stands(captures: Path) -> None:
    batch = parse(captures / "wikipedia" / "en_2025-01-09_rev1268441880_world_typo.html")
    assert staged(batch)[0] == ("World", "2025", "1115,494,312")
