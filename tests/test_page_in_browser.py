"""results/report.html in a real Chromium: what a reader changes changes what it should, held against SQL.

The page is of the bundled editions. What is not of the page's own code (SQL on the same database, the formula written
again from the words on the page) says what it must show.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from statistics import fmean, pstdev
from typing import TYPE_CHECKING, Any

import pytest

from tests import browser, pages
from tests.browser import RANKED, Shown, choose, file_of, shown
from tests.project import run, sql

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WEO = "imf-weo"
YEAR = 2026  # of the picture that the bundled editions give
HELD = "dataset = 'imf-weo' AND indicator = ? AND to_vintage IS NULL"
# One step in the page for a whole table: a question a cell takes a hundred times as long.
CELLS = "rows => rows.map(row => [row.dataset.c, ...[...row.cells].map(cell => cell.textContent.trim())])"
Measures = dict[str, list[float | None]]  # iso3 -> size, growth, swing, revision
LANDS = """lands => lands.map(land => [land.dataset.c, land.getAttribute("class").match(/none|\\b[qd]\\d/)[0],
                                      land.querySelector("title").textContent, getComputedStyle(land).fill])"""


def figure(value: float | str | None, places: int = 2) -> str:
    """Return a figure as the page writes it: half up on its decimals, thousands marked, a real minus."""
    if value is None:
        return "–"
    step = Decimal(1).scaleb(-places)
    return f"{Decimal(str(value)).quantize(step, ROUND_HALF_UP):,}".replace("-", "−")


def held(workspace: Path, indicator: str, year: int) -> dict[str, float]:
    """Return iso3 -> what the newest edition says."""
    return dict(sql(workspace, f"SELECT iso3, value FROM fact_gdp WHERE {HELD} AND year = ?", indicator, year))


def table(page: Shown, rows: str) -> list[list[str]]:
    """Return of each row its code and its cells."""
    found: list[list[str]] = page.page.eval_on_selector_all(rows, CELLS)
    return found


# --- the map ----------------------------------------------------------------------------------------------------------


def legend(page: Shown, measure: str) -> dict[str, tuple[float, float, str]]:
    """Return class -> the values it is said to stand for, from and to, and its colour."""
    found = {}
    for name, words, colour in page.page.eval_on_selector_all(f"#legend-{measure} li", """each => each.map(li => {
            const rect = li.querySelector("rect");
            return [rect.getAttribute("class"), li.textContent.trim(), getComputedStyle(rect).fill]; })"""):
        numbers = [float(each.replace(",", "").replace("−", "-")) for each in re.findall(r"−?[\d,.]+", words)]
        low, high = {"less": (-1e300, *numbers), "no": (0.0, 0.0)}.get(
            words.split()[0], (numbers[0], numbers[1] if len(numbers) > 1 else 1e300) if numbers else (0.0, 0.0))
        found[name] = (low, high, colour)
    return found


@pytest.mark.parametrize(("measure", "indicator", "year"), [("gdp", "NGDPD", 1999), ("growth", "NGDP_RPCH", 2020)])
def test_every_land_has_the_colour_of_its_figure(page: Shown, ten: Path, measure: str, indicator: str,
                                                 year: int) -> None:
    before = dict.fromkeys(each[3] for each in page.page.eval_on_selector_all("#map .land", LANDS))
    page.page.check(f"input[name=map-measure][value={measure}]")
    choose(page, map_year=year)
    values, classes = held(ten, indicator, year), legend(page, measure)
    names = dict(sql(ten, "SELECT iso3, name FROM dim_country"))
    lands = page.page.eval_on_selector_all("#map .land", LANDS)
    assert len(values.keys() & {code for code, *_ in lands}) == len(values) >= 180
    for code, name, title, colour in lands:
        low, high, said = classes[name]
        assert colour == said
        if code in values:
            assert low <= values[code] < high, title
            assert title.startswith(f"{names[code]}, {year}: ")
            assert figure(values[code], 2 if measure == "gdp" else 1) in title
        else:
            assert name == "none", title
    assert len({name for _, name, *_ in lands}) >= 6
    assert measure == "gdp" or not before.keys() & {each[3] for each in lands if each[1] != "none"}


def test_the_maps_table_and_words_follow_the_slider(page: Shown, ten: Path) -> None:
    page.page.locator("#map-year").focus()
    page.page.keyboard.press("Home")
    page.page.keyboard.press("ArrowRight")
    gdp, growth = held(ten, "NGDPD", 1981), held(ten, "NGDP_RPCH", 1981)
    assert page.page.inner_text("#map-year-out") == "1981"
    assert page.page.inner_text("#map-said") == f"{len(gdp)} economies have a figure of 1981."
    page.page.click("#world summary")
    found = {code: cells for code, *cells in table(page, "#map-table tbody tr")}
    assert {code: cells[1:] for code, cells in found.items()} == {
        code: [figure(gdp.get(code)), figure(growth.get(code))] for code in found}
    assert gdp.keys() <= found.keys()


def test_a_country_of_the_map_is_chosen_by_pointing_at_it(page: Shown) -> None:
    page.page.locator('#map .land[data-c="BRA"]').click()
    assert page.page.input_value("#country") == "BRA"
    assert page.page.locator("#map .land.chosen").get_attribute("data-c") == "BRA"
    assert page.page.locator("#country-part h2").is_visible()


# --- the ranking ------------------------------------------------------------------------------------------------------


def ranking(workspace: Path, where: str = "1", *parameters: object) -> list[list[str]]:
    """Return what SQL says of the ranking: code, rank among all, name, GDP."""
    return [[iso3, str(rank), name, figure(gdp)] for iso3, rank, name, gdp in sql(workspace, f"""
        SELECT ISO3, rank, Country, GDP_as_published FROM (
            SELECT *, CAST(GDP_as_published AS REAL) AS gdp,
                   row_number() OVER (ORDER BY CAST(GDP_as_published AS REAL) DESC, ISO3) AS rank
            FROM Countries_by_GDP)
        WHERE {where} ORDER BY rank""", *parameters)]


def ranked(page: Shown) -> list[list[str]]:
    return [row[:4] for row in table(page, RANKED)]


def test_the_ranking_is_the_reports(page: Shown, ten: Path) -> None:
    large = ranking(ten, "gdp >= 100")
    assert ranked(page) == large[:25]
    assert page.page.inner_text("#rank-count") == f"{len(large)} of {len(ranking(ten))} economies, the first 25 shown."
    page.page.click("#rank-more")
    assert ranked(page) == large


def test_searching_finds_names_codes_and_subregions(page: Shown, ten: Path) -> None:
    count = len(ranking(ten))
    for word, least in (("united", 3), ("  UNITED  ", 3), ("nga", 1), ("western africa", 10), ("no such place", 0)):
        choose(page, rank_least="0", rank_search=word)
        expected = ranking(ten, "Country || ' ' || ISO3 || ' ' || Subregion LIKE ?", f"%{word.strip()}%")
        assert len(expected) >= least
        assert ranked(page) == expected[:25]
        assert page.page.inner_text("#rank-count") == (
            f"{len(expected)} of {count} economies." if expected else "No economy fits.")


def test_searching_needs_no_accents(page: Shown) -> None:
    choose(page, rank_search="cote turkiye")
    assert ranked(page) == []
    choose(page, rank_search="turkiye")
    assert [row[2] for row in ranked(page)] == ["Türkiye"]


def test_region_and_size_and_search_work_together(page: Shown, ten: Path) -> None:
    choose(page, rank_region="Africa", rank_least="50", rank_search="ia")
    expected = ranking(ten, "Region = 'Africa' AND gdp >= 50 AND Country || ISO3 || Subregion LIKE '%ia%'")
    assert len(expected) >= 3
    assert ranked(page) == expected
    choose(page, rank_region="Africa", rank_least="0", rank_search="")
    page.page.click("#rank-more")
    assert ranked(page) == ranking(ten, "Region = 'Africa'")


def downloaded(page: Shown, button: str) -> list[dict[str, str]]:
    """Return the rows of a CSV file that a button gives."""
    with page.page.expect_download() as waited:
        page.page.click(button)
    return list(csv.DictReader(Path(waited.value.path()).read_text(encoding="utf-8").splitlines()))


def test_the_rankings_file_has_the_listed_rows(page: Shown, ten: Path) -> None:
    choose(page, rank_region="Asia", rank_least="10")
    rows = downloaded(page, "#rank-csv")
    expected = ranking(ten, "Region = 'Asia' AND gdp >= 10")
    assert len(expected) > 25  # more than are shown
    assert [[row["iso3"], row["rank"], row["country"], figure(row["gdp_usd_billion"])] for row in rows] == expected
    growth = held(ten, "NGDP_RPCH", YEAR)
    assert {row["iso3"]: float(row["growth_percent"]) for row in rows if row["growth_percent"]} == {
        code: pytest.approx(growth[code], abs=0.0006) for code, *_ in expected if code in growth}


def test_without_its_script_it_says_everything(chromium: Browser, ten: Path) -> None:
    with shown(chromium, file_of(ten), java_script_enabled=False) as opened:
        rows = opened.page.locator(RANKED)
        assert rows.count() == len(ranking(ten, "gdp >= 100"))
        assert opened.page.locator("#map .land.q6").count() >= 2
        assert opened.page.locator("#history path.older").count() == 9
        assert opened.page.locator("#screen-table tbody tr").count() == 15
        assert not opened.page.locator("#rank-search").is_visible()


# --- a country's history ----------------------------------------------------------------------------------------------


def editions(workspace: Path, iso3: str) -> dict[str, dict[int, float]]:
    """Return label -> year -> GDP of an economy as each edition has it, the oldest first."""
    found: dict[str, dict[int, float]] = {}
    for label, year, value in sql(workspace, """
            SELECT v.label, f.year, f.value
            FROM dim_vintage AS v
            JOIN fact_gdp AS f ON f.dataset = v.dataset AND f.from_vintage <= v.vintage
                 AND (f.to_vintage IS NULL OR f.to_vintage > v.vintage)
            WHERE v.dataset = 'imf-weo' AND f.indicator = 'NGDPD' AND f.iso3 = ? ORDER BY v.vintage, f.year""", iso3):
        found.setdefault(label, {})[year] = value
    return found


def drawn(page: Shown, kind: str) -> list[list[tuple[float, float]]]:
    """Return the points of the chart's lines of a class, in pixels."""
    return [[(float(x), float(y)) for x, y in re.findall(r"[ML]([-\d.]+) ([-\d.]+)", d)] for d in
            page.page.eval_on_selector_all(f"#history path.{kind}", "each => each.map(path => path.getAttribute('d'))")]


def axis(page: Shown) -> tuple[float, float]:
    """Return at which pixel 0 stands, and how many pixels a billion dollars are, by the numbers beside the chart."""
    told = page.page.eval_on_selector_all(
        "#history text.end", "each => each.map(text => [text.textContent, text.getAttribute('y')])")
    levels = {float(text.replace(",", "")): float(y) for text, y in told if text[0].isdigit()}
    (low, bottom), (high, top) = min(levels.items()), max(levels.items())
    return bottom + low * (bottom - top) / (high - low), (bottom - top) / (high - low)


@pytest.mark.parametrize("iso3", ["NGA", "USA", pytest.param("UKR", marks=pytest.mark.full)])
def test_every_editions_line_is_drawn_behind_the_newest(page: Shown, ten: Path, iso3: str) -> None:
    choose(page, country=iso3)
    *older, newest = editions(ten, iso3).values()
    zero, unit = axis(page)
    lines = drawn(page, "older")
    labels = page.page.eval_on_selector_all("#history path", "each => each.map(path => path.dataset.v)")
    assert labels == [*editions(ten, iso3), labels[-1]]  # the newest's forecast is a path of its own
    assert len(lines) == len(older) == 9
    solid, ahead = drawn(page, "newest")
    for points, values in [*zip(lines, older, strict=True), ([*solid, *ahead[1:]], newest)]:
        assert [(zero - y) / unit for _, y in points] == pytest.approx(list(values.values()), abs=0.11 / unit)
    [(first,)] = sql(ten, f"SELECT min(year) FROM fact_gdp WHERE {HELD} AND iso3 = ? AND forecast = 1", "NGDPD", iso3)
    assert len(solid) == len([year for year in newest if year < first])
    assert solid[-1][0] < float(page.page.locator("#history .future").get_attribute("x") or 0) < ahead[1][0]
    kinds = page.page.eval_on_selector_all("#history path", "each => each.map(path => path.getAttribute('class'))")
    assert kinds == ["older"] * 9 + ["newest", "newest ahead"]  # what comes later is drawn over what was before


def test_the_table_of_the_lines_has_every_editions_figures(page: Shown, ten: Path) -> None:
    choose(page, country="ARG", country_span="late")
    page.page.click("#country-part summary")
    told = editions(ten, "ARG")
    newest_first = [*told.values()][::-1]
    assert [row[1:] for row in table(page, "#history-table tbody tr")] == [
        [str(year), *(figure(line.get(year)) for line in newest_first)] for year in range(2030, 2010, -1)]


# --- the screen -------------------------------------------------------------------------------------------------------


def measured(workspace: Path) -> Measures:
    """Return iso3 -> size, growth, swing and revision, by the words on the page."""
    growth: dict[str, dict[int, float]] = {}
    for iso3, year, value in sql(workspace, f"SELECT iso3, year, value FROM fact_gdp WHERE {HELD}", "NGDP_RPCH"):
        growth.setdefault(iso3, {})[year] = value
    found: Measures = {}
    for iso3, gdp in sql(workspace, "SELECT ISO3, CAST(GDP_as_published AS REAL) FROM Countries_by_GDP"):
        line = growth.get(iso3, {})
        ahead, until, decade = ([line[year] for year in years if year in line] for years in (
            range(YEAR, YEAR + 5), range(YEAR - 4, YEAR + 1), range(YEAR - 9, YEAR + 1)))
        mean = ahead if len(ahead) >= 3 else until
        *older, newest = editions(workspace, iso3).values()
        moved = [100 * abs(newest[year] - each[year]) / abs(newest[year]) for each in older
                 for year in range(YEAR - 4, YEAR + 1) if year in each and newest.get(year)]
        found[iso3] = [gdp, fmean(mean) if len(mean) >= 3 else None, pstdev(decade) if len(decade) >= 5 else None,
                       fmean(moved) if moved else None]
    return found


def shares(values: dict[str, float]) -> dict[str, float]:
    """Return the share of the others that each beats, equals counting half."""
    return {key: (sum(other < value for other in values.values())
                  + (sum(other == value for other in values.values()) - 1) / 2) / (len(values) - 1)
            for key, value in values.items()}


def short_list(measures: Measures, weights: tuple[int, ...], least: float) -> list[tuple[str, float]]:
    """Return code and score by the formula on the page, the best first."""
    beaten = [shares({iso3: -value if at > 1 else value for iso3, row in measures.items()
                      if (value := row[at]) is not None}) for at in range(4)]
    counting = [at for at in range(4) if weights[at]]
    found = [(iso3, 100 * sum(weights[at] * beaten[at][iso3] for at in counting) / sum(weights)) for iso3, row in
             measures.items() if (row[0] or 0) >= least and all(iso3 in beaten[at] for at in counting)]
    return sorted(found, key=lambda each: -each[1])


@pytest.fixture(scope="module")
def measures(ten: Path) -> Measures:
    return measured(ten)


@pytest.mark.parametrize("weights", [
    (40, 30, 15, 15), (10, 60, 5, 75), pytest.param((0, 100, 0, 0), marks=pytest.mark.full),
    pytest.param((100, 0, 0, 0), marks=pytest.mark.full)], ids=["usual", "mixed", "growth", "size"])
def test_the_short_list_follows_the_weights(page: Shown, measures: Measures,
                                            weights: tuple[int, ...]) -> None:
    choose(page, **{f"weight_{name}": value for name, value in zip(("size", "growth", "steady", "risk"), weights,
                                                                    strict=True)})
    expected = short_list(measures, weights, 100)[:15]
    rows = table(page, "#screen-table tbody tr")
    assert [float(row[3]) for row in rows] == pytest.approx([score for _, score in expected], abs=0.06)
    assert [row[0] for row in rows][:10] == [iso3 for iso3, _ in expected][:10]
    for code, _, _, _, *cells in rows:
        assert [float(cell.replace(",", "")) for cell in cells] == pytest.approx(measures[code], abs=0.0051)


def test_the_screens_file_has_the_whole_list(page: Shown, measures: Measures) -> None:
    choose(page, weight_size=0, weight_growth=50, weight_steady=0, weight_risk=50, screen_least="10")
    rows = downloaded(page, "#screen-csv")
    expected = short_list(measures, (0, 50, 0, 50), 10)
    assert len(rows) == len(expected) > 100
    assert {row["iso3"]: float(row["score"]) for row in rows} == pytest.approx(dict(expected), abs=0.02)
    assert [row["rank"] for row in rows] == [str(rank) for rank in range(1, len(rows) + 1)]
    page.page.click("#screen-reset")
    assert [page.page.input_value(f"#weight-{name}") for name in ("size", "growth", "steady", "risk")] == [
        "40", "30", "15", "15"]


# --- what a database lacks --------------------------------------------------------------------------------------------


@pytest.fixture
def told(chromium: Browser, tmp_path: Path) -> Callable[..., str]:
    """Return what the page of a database filled with these economies says, opened with no fault."""
    def say(count: int, **settings: Any) -> str:
        file = pages.page_of(pages.filled(tmp_path / "workspace", pages.economies(count), **settings))
        with shown(chromium, file) as opened:
            choose(opened, map_year=2020, rank_least="0", weight_growth=90, rank_search="country")
            texts: str = opened.page.inner_text("body")
            opened.page.set_viewport_size({"width": 390, "height": 844})
            assert browser.wider_than_window(opened.page) == []
            assert (opened.faults, opened.asked) == ([], [file.as_uri()])
        return texts

    return say


def test_one_economy(told: Callable[..., str]) -> None:
    text = told(1)
    assert "1 of 1 economies." in text
    assert "Africa has one economy only." in text
    assert "mean of 1 economies" not in text


def test_one_edition(told: Callable[..., str]) -> None:
    text = told(12, labels=["2024-10"])
    assert "There is one edition only, so revisions do not count." in text
    assert "The database has one edition of these figures, so nothing to compare with." in text


@pytest.mark.full
def test_a_year_without_figures(told: Callable[..., str]) -> None:
    assert "No economy has a figure of 2020." in told(12, years=[year for year in range(2015, 2027) if year != 2020])


@pytest.mark.full
def test_five_thousand_economies(told: Callable[..., str]) -> None:
    text = told(5000)
    assert "the 400 largest are here, 4,600 smaller ones are not" in text
    assert "There is one edition only" not in text


@pytest.mark.full
def test_an_empty_database(chromium: Browser, tmp_path: Path) -> None:
    workspace = pages.empty(tmp_path / "workspace")
    done = run("report.py", "--html", workspace=workspace)
    assert done.returncode == 5
    with shown(chromium, file_of(workspace)) as opened:
        assert opened.page.inner_text("#empty h2") == "There is no GDP to show"
        assert (opened.faults, opened.asked) == ([], [file_of(workspace).as_uri()])
