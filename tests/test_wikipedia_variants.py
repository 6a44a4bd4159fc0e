"""sources.wikipedia: what real pages vary in, beyond their layouts."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from history.model import OBSERVED
from pipeline.documents import RawDocument
from sources import VintageBatch, open_source
from tests.wikipedia_pages import staged

FLAG = '<span class="flagicon"><span><img alt="" src="F.png" width="23"/></span></span>&#160;'
NONE = ('<td data-sort-value="" class="table-na">{}<span aria-hidden="true">—</span><span class="sr-only">N/a</span>'
        "</td>")
STYLE = "<style>.sr-only{position:absolute;width:1px}</style>"


def parse(table: str, *, indicators: str = "NGDPD", url: str = "https://wiki.example/page", foot: bool = True,
          tail: str = "") -> VintageBatch:
    edited = '<ul><li id="footer-info-lastmod"> This page was last edited on 30 November 2025, at 10:11</li></ul>'
    text = ('<!DOCTYPE html><html><head><title>List of countries by GDP (nominal)</title><script>'
            f'x={{"wgRevisionId":1330000005}}</script></head><body>{table}{edited if foot else ""}{tail}</body></html>')
    (batch,) = open_source("wikipedia").parse(
        [RawDocument("page", url, "2026-11-20T21:05:09Z", {}, {"indicators": indicators}, None, text.encode())])
    return batch


def one_header(place: str = "Country/Territory", imf: str = "IMF (2025)<sup>[1]</sup><sup>[6]</sup>",
               bank: str = "World Bank (2022–24)<sup>[7]</sup>", caption: str = "GDP (million US$) by country") -> str:
    rows = (f"<tr><td>{FLAG}World</td><td>117,165,394\n</td><td>111,326,370\n</td></tr>"
            f"<tr><td>{FLAG}<a>China</a><sup>[n 1]</sup></td><td>19,398,577\n</td><td>18,743,803\n</td></tr>"
            f"<tr><td>{FLAG}<a>Cuba</a></td>{NONE.format(STYLE)}<td>107,352 <small>(2020)</small>\n</td></tr>"
            f"<tr><td>{FLAG}<a>Eritrea</a></td><td>2,500 (2019–20)\n</td>{NONE.format('')}</tr>")
    return (f'<table class="wikitable sortable"><caption>{caption}</caption><tbody><tr class="static-row-header">'
            f"<th>{place}\n</th><th>{imf}\n</th><th>{bank}\n</th></tr>{rows}</tbody></table>")


@pytest.mark.parametrize("header", [
    "IMF (2025)<sup>[1]</sup><sup>[6]</sup>", "<a>International Monetary Fund</a><br>(2025)", "IMF<br/>2025&#160;[1]",
    "IMF(2025)<sup>[r 2]</sup>", "IMF forecast, 2025", "IMF (2025-10, for 2025)", "IMF, October 2025 (2025)",
])
def test_header_texts(header: str) -> None:
    batch = parse(one_header(imf=header))
    assert staged(batch) == [("World", "2025", "117,165,394"), ("China[n 1]", "2025", "19,398,577"),
                             ("Cuba", "2025", "—N/a")]


@pytest.mark.parametrize("place", ["Country/Territory", "Country or territory", "Country (or dependency)", "Economy",
                                   "Location", "Nation"])
def test_the_column_of_countries(place: str) -> None:
    assert len(staged(parse(one_header(place)))) == 3


def test_a_span_of_years_is_no_year() -> None:
    batch = parse(one_header(), indicators="NGDPD,NGDPD.WB")
    assert [(row.name, row.year) for row in batch.rows if row.indicator == "NGDPD.WB"] == [
        ("Cuba", "2020"), ("Eritrea", "")]
    assert [(each.rule, each.raw) for each in batch.quarantined] == [
        ("year", "2,500 (2019–20)"), ("year", "111,326,370"), ("year", "18,743,803")]


@pytest.mark.parametrize(("caption", "scale"), [("GDP (US$M) by country", "Millions"), ("GDP, US$ B", "Billions")])
def test_scales_of_one_letter(caption: str, scale: str) -> None:
    batch = parse(one_header(caption=caption))
    assert ({row.scale for row in batch.rows}, batch.warnings) == ({scale}, [])


def history(years: Sequence[int]) -> str:
    rows = "".join(f"<tr><td>Land {number}</td>{'<td>9</td>' * len(years)}</tr>" for number in range(300))
    head = "".join(f"<th>GDP {year}</th>" for year in years)
    return f"<h3>History, International Monetary Fund</h3><table><tr><th>Country</th>{head}</tr>{rows}</table>"


@pytest.mark.parametrize("before", [True, False])
def test_a_longer_history_beside_the_list_is_not_the_list(before: bool) -> None:
    table = history([1990, 2000]) + one_header() if before else one_header() + history([1990, 2000])
    assert staged(parse(table))[0] == ("World", "2025", "117,165,394")


def test_a_row_without_its_cell_under_a_nameless_rank() -> None:
    table = ("<p><b>Per the International Monetary Fund (2017)</b></p><table><tr><th></th><th>Country</th>"
             "<th>GDP (US$MM)</th></tr><tr><td>1</td><td>Japan</td><td>4,872</td></tr>"
             "<tr><td><i>European Union</i></td><td>17,308</td></tr></table>")
    assert staged(parse(table)) == [("Japan", "2017", "4,872"), ("European Union", "2017", "17,308")]


ARCHIVE = "https://web.archive.org/web/20230820101112/https://en.wikipedia.org/wiki/L"


@pytest.mark.parametrize(("url", "tail", "day"), [
    ("https://wiki.example/page", "<!-- \nNewPP limit report\nCached time: 20230819235959\n -->", "2023-08-19"),
    (ARCHIVE, "", "2023-08-20"),
    (ARCHIVE, "<!-- Cached time: 20230819235959 -->", "2023-08-19"),
    ("https://wiki.example/page", "<!-- Cached time: 20239919235959 -->", "2026-11-20"),
], ids=["rendered", "archived", "both", "no such day"])
def test_a_page_without_its_foot_is_dated_by_when_it_was_made(url: str, tail: str, day: str) -> None:
    vintage = parse(one_header(), url=url, foot=False, tail=tail).vintage
    assert (vintage.label, vintage.published, vintage.dating) == ("rev1330000005", day, OBSERVED)
