"""sources.wikipedia: every layout that the list has had, in a small page of our own; columns in any order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from history.model import STATED
from pipeline.errors import SourceNonsense
from rules.records import FORECAST, UNKNOWN
from tests.wikipedia_pages import FIXTURES, ROW, TABLE, page, parse, simple, staged

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


@pytest.mark.parametrize(("second", "told"), [
    (TABLE.replace("4,389,756", "4,389,757"), "table 1 says 4389756 (2025), table 2 4389757 (2025)"),
    (TABLE.replace("(2025)", "(2019)"), "table 1 says 4389756 (2025), table 2 4389756 (2019)"),
    (TABLE.replace(ROW, ROW.replace("4,389,756", "1") + "<tr><td>Chad</td><td>2</td></tr>"),
     "table 2 says 1 (2025), table 1 4389756 (2025)"),
], ids=["figure", "year", "longer"])
def test_a_second_list_that_disagrees_is_refused(second: str, told: str) -> None:
    with pytest.raises(SourceNonsense, match=re.escape(f"disagree: of Japan {told}")):
        parse(page(TABLE + second))


def test_a_doubled_list_and_a_short_one_beside_it_are_no_second_list() -> None:
    others = "".join(f"<tr><td>{name}</td><td>5</td></tr>" for name in ("Chad", "Fiji", "Mali"))
    longer = TABLE.replace(ROW, ROW + others)
    largest = TABLE.replace("4,389,756", "9")  # of a top ten that nobody keeps up to date
    again = longer.replace("4,389,756", "4389756")
    assert staged(parse(page(longer + again))) == staged(parse(page(longer)))
    assert staged(parse(page(longer + largest)))[0] == ("Japan", "2025", "4,389,756")
