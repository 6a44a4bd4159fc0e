"""results/report.html: its figures against SQL and by hand, what it says of what it lacks, that nothing in it runs."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

import utils
from history.calendar import WEO
from pipeline import plan
from reports.dashboard import facts as facts_module
from reports.dashboard import page
from reports.dashboard.facts import Facts
from reports.dashboard.health import Health
from tests.dashboards import Read, facts_of, lines_of, page_of
from tests.history_db import GDP, Database, batch, gdp, key, publish
from tests.project import PROJECT, run, sql

HOSTILE = '<script>alert("1")</script> & \'Co\' </style>{n}'


@pytest.fixture(scope="module")
def bundled(bundle: Path) -> Facts:
    return facts_of(bundle)


@pytest.fixture(scope="module")
def text(bundled: Facts) -> str:
    return page_of(bundled)


@pytest.fixture(scope="module")
def read(text: str) -> Read:
    return Read(text)


@pytest.fixture
def told(held: Path) -> Facts:
    return facts_of(held)


# --- ten editions, held against SQL -----------------------------------------------------------------------------------


def test_the_ranking_is_the_picture(bundle: Path, read: Read) -> None:
    rows = sql(bundle, "SELECT ISO3, Country, GDP_USD_billion FROM Countries_by_GDP "
                       "ORDER BY CAST(GDP_as_published AS REAL) DESC, ISO3")
    assert [(row[0], row[1], row[2], row[3]) for row in read.rows("rank-table")] == [
        (iso3, str(rank), name, f"{value:,.2f}") for rank, (iso3, name, value) in enumerate(rows, 1)]
    shown = [row[0] for row in read.rows("rank-table", hidden=False)]
    assert shown == [iso3 for iso3, _, value in rows if value >= 100]  # what the report prints


def test_headlines(bundle: Path, read: Read) -> None:
    total, count = sql(bundle, "SELECT sum(CAST(GDP_as_published AS REAL)), count(*) FROM Countries_by_GDP")[0]
    cards = {card.findtext("dt"): [each.text for each in card.find("dd")]
             for card in read.root.xpath('//section[@id="cards"]//dl/div')}
    assert cards["World"] == [f"US$ {total / 1000:.1f} trillion", f"{count} economies together"]
    first = sql(bundle, "SELECT CAST(GDP_as_published AS REAL) FROM Countries_by_GDP WHERE ISO3 = 'USA'")[0][0]
    assert cards["Largest"] == [f"US$ {first / 1000:.1f} trillion",
                                f"United States: {100 * first / total:.1f} % of the total"]
    growth = sql(bundle, "SELECT sum(CAST(p.GDP_as_published AS REAL) * f.value) "
                         "/ sum(CAST(p.GDP_as_published AS REAL)) FROM Countries_by_GDP AS p "
                         "JOIN fact_gdp AS f ON f.iso3 = p.ISO3 AND f.year = p.Year "
                         "WHERE f.indicator = 'NGDP_RPCH' AND f.to_vintage IS NULL")[0][0]
    assert cards["Real growth"][0] == f"+{growth:.1f} %"
    assert read.text('//section[@id="cards"]/p') == (
        "Source: International Monetary Fund, World Economic Outlook Database, October 2025, 109 days old.")


def test_the_regions_means(bundle: Path, read: Read) -> None:
    expected = sql(bundle, """
        WITH ranked AS (SELECT Region, CAST(GDP_as_published AS REAL) AS gdp,
                        row_number() OVER (PARTITION BY Region ORDER BY CAST(GDP_as_published AS REAL) DESC) AS place
                        FROM Countries_by_GDP)
        SELECT Region, avg(gdp) FROM ranked WHERE place <= 5 GROUP BY Region ORDER BY 2 DESC""")
    assert [(row[1], row[2]) for row in read.rows("regions-table")] == [
        (region, f"{mean:,.2f}") for region, mean in expected]


def test_every_line_of_every_edition(bundle: Path, read: Read) -> None:
    data = read.data
    first, last = data["years"][0], data["years"][-1]
    assert (first, last, len(data["vintages"])) == (1980, 2030, 10)
    for at, label in enumerate(data["vintages"]):
        vintage = sql(bundle, "SELECT vintage FROM dim_vintage WHERE label = ?", label)[0][0]
        held = {(iso3, year): value for iso3, year, value in sql(
            bundle, "SELECT iso3, year, value FROM fact_gdp WHERE indicator = 'NGDPD' AND from_vintage <= ? "
                    "AND (to_vintage IS NULL OR to_vintage > ?)", vintage, vintage)}
        drawn = {(each["c"], first + place): value for each in data["economies"]
                 for place, value in enumerate(lines_of(each)[at]) if value is not None}
        assert drawn == held


def test_growth_and_first_forecasts(bundle: Path, read: Read) -> None:
    data = read.data
    growth = {(each["c"], 1980 + place): value for each in data["economies"]
              for place, value in enumerate(each["growth"]) if value is not None}
    assert growth == {(iso3, year): value for iso3, year, value in sql(
        bundle, "SELECT iso3, year, value FROM fact_gdp WHERE indicator = 'NGDP_RPCH' AND to_vintage IS NULL "
                "AND iso3 IN (SELECT iso3 FROM fact_gdp WHERE indicator = 'NGDPD')")}
    starts = dict(sql(bundle, "SELECT iso3, min(year) FROM fact_gdp WHERE indicator = 'NGDPD' AND forecast = 1 "
                              "AND to_vintage IS NULL GROUP BY iso3"))
    assert {each["c"]: each["from"] for each in data["economies"] if each["from"]} == starts


def test_the_largest_revisions(bundle: Path, read: Read) -> None:
    year = read.data["year"]
    rows = sql(bundle, "SELECT iso3, old_value, new_value, change, percent FROM fact_revision "
                       "WHERE indicator = 'NGDPD' AND kind = 'revised' AND year = ? "
                       "AND vintage = (SELECT max(vintage) FROM dim_vintage) "
                       "ORDER BY abs(change) DESC, iso3", year)
    assert [row[0] for row in read.rows("revisions-money")] == [row[0] for row in rows[:12]]
    assert read.rows("revisions-money")[0][2:6] == [
        f"{rows[0][1]:,.2f}", f"{rows[0][2]:,.2f}", f"{rows[0][3]:+,.2f}", f"{rows[0][4]:+.1f}"]
    by_part = sorted(rows, key=lambda row: -abs(row[4]))
    assert [row[0] for row in read.rows("revisions-percent")] == [row[0] for row in by_part[:12]]
    assert f"{len(rows)} figures of {year} were revised" in read.text('//section[@id="revisions"]/p')


def test_the_map_colours_by_size(bundle: Path, read: Read) -> None:
    classes = {land.get("data-c"): land.get("class").split()[-1] for land in read.root.xpath('//*[@id="map"]/path')}
    value = dict(sql(bundle, "SELECT ISO3, GDP_USD_billion FROM Countries_by_GDP"))
    assert (value["USA"] > 5000, classes["USA"]) == (True, "q6")
    assert (100 < value["KEN"] < 400, classes["KEN"]) == (True, "q3")
    assert (value["TUV"] < 5, classes["TUV"]) == (True, "q0")
    assert (value.get("AFG"), classes["AFG"]) == (None, "none")
    assert value.keys() <= classes.keys()  # everyone is on the map


def test_the_run_is_told(bundle: Path, read: Read) -> None:
    said = read.text('//section[@id="health"]')
    run_id = sql(bundle, "SELECT run_id FROM picture")[0][0]
    for words in (f"Run{run_id}", "454,529 read, 436,048 used", "all 8 kinds passed", "18,481 (groups of countries)",
                  "Could not be usednone"):
        assert words.replace(" ", "") in said.replace(" ", "")


# --- a history made by hand -------------------------------------------------------------------------------------------


def test_what_a_hand_made_history_shows(told: Facts) -> None:
    assert (told.year, told.counted, told.label, told.before) == (2025, 2, "2025-04+2025-05-02", "2025-04+2025-04-22")
    assert list(told.vintages) == ["2024-04", "2024-10", "2025-04+2025-04-22", "2025-04+2025-05-02"]
    by_code = {each.iso3: each for each in told.economies}
    assert list(by_code) == ["USA", "NGA", "LIE", "TWN"]  # those without a figure of 2025 last, by name
    usa, nga = by_code["USA"].series, by_code["NGA"].series
    assert usa is not None and nga is not None
    assert usa.lines() == [[27360.935, 28781.083, 30507.217], [27360.935, 29167.779, 30507.217],
                           [27720.725, 29184.89, 30507.217], [27720.725, 29185.005, 30507.217]]
    assert nga.lines()[-2:] == [[363.846, 187.637, 194.955], [None, 187.637, 194.955]]
    assert (usa.start, by_code["USA"].line) == (2025, [None, 2.796, None])


def test_where_publishers_disagree(tmp_path: Path) -> None:
    publish(tmp_path, [batch("2025-04", gdp({"NGA": {2023: "363.846 a"}, "USA": {2023: "100.0 a"},
                                             "TWN": {2023: "50 a"}}))])
    publish(tmp_path, [batch("2025-01-01", gdp({"NGA": {2023: "487.3"}, "USA": {2023: "101"}, "CUB": {2023: "1"}}),
                             dataset="worldbank-wdi")])
    Database(tmp_path).picture((WEO, "2025-04", "2025-04-22", ""))
    read = Read(page_of(facts_of(tmp_path)))
    assert "imf-weo against worldbank-wdi, 2023: 0 figures are equal, 1 within 2 %, 1 further apart." in read.text(
        '//section[@id="sources"]/p')
    rows = read.root.xpath('//section[@id="sources"]//tbody/tr')
    assert [[cell.text_content() for cell in row][:4] for row in rows] == [["Nigeria", "363.85", "487.30", "+33.9"]]


@pytest.mark.parametrize(("day", "stale"), [(date(2025, 12, 2), False), (date(2025, 12, 3), True)],
                         ids=["214 days", "215 days"])
def test_old_figures_say_so_at_the_top(held: Path, day: date, stale: bool) -> None:
    told = facts_of(held, today=day)
    assert (told.known, told.stale, told.age) == ("2025-05-02", stale, (day - date(2025, 5, 2)).days)
    warning = Read(page_of(told)).text('//*[@id="warning"]')
    assert ("These figures are old: the edition is of 2 May 2025, 215 days ago" in warning) is stale


def test_what_must_be_known_first(told: Facts) -> None:
    health = Health("r1", True, accepted=["world"], fallbacks=["imf: it did not answer"], quarantined=3)
    read = Read(page_of(replace(told, channel="wikipedia", health=health)))
    said = [each.text for each in read.one('//*[@id="warnings"]')]
    assert "imf: it did not answer" in said[1]
    assert said[2:4] == ["A check of the figures failed and was let through by hand: world.",
                         "3 rows of the source could not be used."]
    assert "They came by Wikipedia's server." in read.text("//header")
    clean = Read(page_of(replace(told, channel="imf", stale=False, economies=told.economies[:2])))
    assert clean.one('//*[@id="warning"]').get("hidden") is not None


def test_another_year_of_the_picture(held: Path) -> None:
    read = Read(page_of(facts_of(held, "--year", "2024", "--min-gdp", "0")))
    assert [row[:4] for row in read.rows("rank-table")] == [
        ["USA", "1", "United States", "29,185.01"], ["TWN", "2", "Taiwan", "802.96"],
        ["NGA", "3", "Nigeria", "187.64"], ["LIE", "4", "Liechtenstein", "8.51"]]
    assert "GDP of 2024" in read.text("//header")


def test_the_first_state_is_what_the_report_was_asked_for(bundle: Path) -> None:
    read = Read(page_of(facts_of(bundle, "--region", "Oceania", "--min-gdp", "10", "--top", "2")))
    assert [row[0] for row in read.rows("rank-table", hidden=False)] == ["AUS", "NZL"]
    assert read.one('//select[@id="rank-region"]/option[@selected]').get("value") == "Oceania"
    assert read.one('//select[@id="rank-least"]/option[@selected]').get("value") == "10"


# --- bad input --------------------------------------------------------------------------------------------------------


def test_an_empty_database(tmp_path: Path) -> None:
    Database(tmp_path)
    read = Read(page_of(facts_of(tmp_path)))
    assert read.text("//main") == "There is no GDP to showThe database holds no figures yet. Run etl_process.py."
    assert read.root.xpath("//script") == []
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "report.html").write_text("of an earlier run")
    done = run("report.py", workspace=tmp_path)
    assert (done.returncode, "There is no picture in the database yet" in done.stderr) == (5, True)
    assert "results/report.html says that it is empty" in done.stderr
    left = Read((tmp_path / "results" / "report.html").read_text(encoding="utf-8"))
    assert left.text('//section[@id="empty"]/h2') == "There is no GDP to show"


def test_figures_without_gdp(tmp_path: Path) -> None:
    publish(tmp_path, [batch("2024-10", {("LP", "NGA", 2022): "218.5"})])
    done = run("report.py", "--no-csv", workspace=tmp_path)
    assert done.returncode == 0, done.stderr
    read = Read((tmp_path / "results" / "report.html").read_text(encoding="utf-8"))
    assert "The database holds 1 figures, but none of GDP" in read.text("//main")


def one_edition(root: Path, told: Mapping[str, Mapping[int, str]]) -> Read:
    publish(root, [replace(batch("2024-10", gdp(told)), picture_year=2024)])
    Database(root).picture((WEO, "2024-10", "2024-10-22", ""))
    return Read(page_of(facts_of(root, "--min-gdp", "0")))


def test_one_edition_and_one_country(tmp_path: Path) -> None:
    read = one_edition(tmp_path, {"NGA": {2023: "363.8 a", 2024: "199.7 f"}})
    assert read.rows("rank-table")[0][:4] == ["NGA", "1", "Nigeria", "199.70"]
    assert read.text('//section[@id="revisions"]/p').startswith("The database has one edition of these figures")
    assert "There is one edition only, so nothing to compare with." in read.text('//section[@id="country-part"]')
    screen = read.text('//section[@id="screen"]')
    assert "There is one edition only, so revisions do not count." in screen
    assert "There are no figures of growth, so growth and steadiness do not count." in screen
    assert "The database has one publisher's figures only." in read.text('//section[@id="sources"]')
    assert read.rows("screen-table") == [["NGA", "1", "Nigeria", "100.0", "199.70", "–", "–", "–"]]
    assert "Africa has one economy only." in read.text('//section[@id="regions"]')


def test_a_missing_year(tmp_path: Path) -> None:
    read = one_edition(tmp_path, {"NGA": {2020: "400", 2022: "470", 2023: "363"},
                                  "USA": {2020: "21000", 2022: "25000"}})
    assert read.data["years"] == [2020, 2021, 2022, 2023]
    nga = next(each for each in read.data["economies"] if each["c"] == "NGA")
    assert nga["gdp"] == [400, None, 470, 363]
    assert "One economy has no figure of 2023: United States." in read.text('//*[@id="warning"]')
    line = next(each for each in read.root.xpath('//*[@id="history"]//path') if "newest" in each.get("class"))
    assert line.get("d").count("M") == 2  # the line is broken where the year is missing


def test_economies_with_years_of_their_own(tmp_path: Path) -> None:
    publish(tmp_path, [batch("rev1", gdp({"USA": {2025: "30507.2"}, "CUB": {2020: "107.4"}}), complete=False,
                             dataset="wikipedia-nominal")])
    database = Database(tmp_path)
    database.run("INSERT INTO Countries_by_GDP VALUES (?, ?, ?, ?, '', ?, ?, NULL, 'wikipedia-nominal', 'rev1', '')",
                 ("United States", 30507.2, "30507.2", "North America", "USA", 2025),
                 ("Cuba", 107.4, "107.4", "North America", "CUB", 2020))
    database.picture(("wikipedia-nominal", "rev1", "", ""))
    read = Read(page_of(facts_of(tmp_path)))
    assert "of each economy its newest year, 2025 at the latest" in read.text("//header")
    assert [row[1:4] for row in read.rows("rank-table")] == [["1", "United States 2025", "30,507.20"],
                                                             ["2", "Cuba 2020", "107.40"]]
    cuba = next(each for each in read.data["economies"] if each["c"] == "CUB")
    assert (cuba["g"], cuba["y"], cuba["gdp"]) == (107.4, 2020, [107.4, None, None, None, None, None])
    land = read.one('//*[@id="map"]/path[@data-c="CUB"]')
    assert (land.get("class"), land.findtext("title")) == ("land q3", "Cuba, 2020: 107.40 billion US$")


def five_thousand(root: Path) -> None:
    names = [f"{chr(65 + at // 676)}{chr(65 + at // 26 % 26)}{chr(65 + at % 26)}" for at in range(5000)]
    rows = [(name, name[:2], f"Land {name}", "Asia", "Eastern Asia", "test") for name in names]
    database = Database(root, countries=rows)
    vintage = (WEO, "2024-10", "2024-10-22", "")
    database.vintage(vintage)
    database.scope(WEO, GDP, key(vintage), 2024, 2024)
    database.run("INSERT INTO fact_gdp (dataset, indicator, iso3, year, from_vintage, value, value_text, decimals) "
                 "VALUES (?, ?, ?, 2024, ?, ?, ?, 0)",
                 *((WEO, GDP, name, key(vintage), 5000.0 - at, str(5000 - at)) for at, name in enumerate(names)))
    database.picture(vintage)


def test_five_thousand_countries(tmp_path: Path) -> None:
    five_thousand(tmp_path)
    text = page_of(facts_of(tmp_path))
    read = Read(text)
    assert len(text.encode()) < 1_500_000
    assert len(read.rows("rank-table")) == facts_module.MOST == 400
    assert "the 400 largest are here, 4,600 smaller ones are not" in read.text('//*[@id="warning"]')
    assert "US$ 12,502.5 trillion" in read.text('//section[@id="cards"]')  # all 5,000


def test_more_editions_than_a_page_holds(held: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts_module, "MOST_RANGES", 3)
    told = facts_of(held)
    assert (list(told.vintages), told.undrawn) == (["2025-04+2025-05-02"], 3)
    assert "Of 3 older editions no lines are drawn" in Read(page_of(told)).text('//*[@id="warning"]')


# --- nothing runs but the page's own script ---------------------------------------------------------------------------


def test_the_policy_knows_style_and_script_by_their_digests(read: Read) -> None:
    policy = read.one('//meta[@http-equiv="Content-Security-Policy"]').get("content")
    style, script = read.one("//style").text, read.one("//script[not(@type)]").text
    digests = [b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in (script, style)]
    assert policy == (f"default-src 'none'; script-src 'sha256-{digests[0]}'; style-src 'sha256-{digests[1]}'; "
                      "base-uri 'none'; form-action 'none'")


def test_one_file_without_a_network_and_without_styles_of_elements(text: str, read: Read) -> None:
    assert len(text.encode()) < 1_500_000
    for element in read.root.iter():
        for name, value in element.attrib.items():
            assert name != "style" and not name.startswith("on"), (element.tag, name)
            if name in ("src", "href", "action", "data", "srcset", "poster"):
                assert value.startswith("#"), (element.tag, name, value)
    assert re.findall(r"@import|url\(", read.one("//style").text) == []


def test_ids_are_unique_and_labels_reach_their_controls(read: Read) -> None:
    ids = read.root.xpath("//@id")
    assert sorted(ids) == sorted(set(ids))
    for name in ("for", "aria-labelledby", "aria-describedby"):
        for value in read.root.xpath(f"//@{name}"):
            assert set(value.split()) <= set(ids), (name, value)


def test_the_script_writes_no_markup() -> None:
    script = (PROJECT / "reports" / "dashboard" / "page.js").read_text(encoding="utf-8")
    assert '"use strict";' in script
    never = r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function|fetch\(|XMLHttp|import\("
    assert re.findall(never, script) == []


def test_text_of_the_data_is_shown_and_never_run(tmp_path: Path) -> None:
    database = Database(tmp_path, countries=[("USA", "US", HOSTILE, 'As"ia<b>', "x", "test"),
                                             ("NGA", "NG", "Nigeria", "Africa", "x", "test")])
    vintage = (WEO, "2024-10", "2024-10-22", "")
    database.vintage(vintage)
    database.scope(WEO, GDP, key(vintage), 2023, 2024)
    for iso3, value in (("USA", "29000"), ("NGA", "200")):
        database.fact(WEO, GDP, iso3, 2024, key(vintage), None, value)
    database.fact(WEO, GDP, "USA", 2023, key(vintage), None, "28000")
    database.picture(vintage)
    text = page_of(facts_of(tmp_path))
    read = Read(text)
    assert [each.get("type") for each in read.root.xpath("//script")] == ["application/json", None]
    assert read.root.xpath("//b | //style[position() > 1]") == []
    assert read.rows("rank-table")[0][2] == HOSTILE
    assert read.rows("regions-table")[0][1] == 'As"ia<b>'
    assert read.data["economies"][0]["n"] == HOSTILE
    assert read.text('//*[@id="history-caption"]') == f"{HOSTILE}: GDP, billion US$"


# --- the command ------------------------------------------------------------------------------------------------------


def test_report_leaves_the_page_unless_told_not_to(held: Path, tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    (workspace / "sqliteDB").mkdir(parents=True)
    source = held / "sqliteDB" / "World_Economies.db"
    (workspace / "sqliteDB" / source.name).write_bytes(source.read_bytes())
    file = workspace / "results" / "report.html"
    asked = ("--year", "2024", "--no-csv")
    assert run("report.py", *asked, "--no-html", workspace=workspace).returncode == 0
    assert not file.exists()
    never = {"WORLD_ECONOMIES_NO_HTML": "1"}
    assert run("report.py", *asked, workspace=workspace, env=never).returncode == 0
    assert not file.exists()
    done = run("report.py", *asked, "--html", workspace=workspace, env=never)
    assert (done.returncode, "page: results/report.html" in done.stderr) == (0, True), done.stderr
    assert Read(file.read_text(encoding="utf-8")).rows("rank-table")[0][0] == "USA"
    assert not list(file.parent.glob(".report*"))


def test_another_look_makes_the_page_again() -> None:
    """What the page is made from counts among the code of the stage report."""
    files = (PROJECT / "reports" / "dashboard").rglob("*.*")
    parts = {path.suffix for path in files if "__pycache__" not in path.parts}
    assert parts == {".py", ".css", ".js", ".json"}
    assert parts <= utils._CODE_SUFFIXES
    assert {"reports", "data/world_map.json"} <= set(plan._CODE["report"])


def test_json_cannot_end_its_script() -> None:
    text = page.as_json({"a": "</script><!-- & >"})
    assert not {"<", ">", "&"} & set(text)
    assert json.loads(text) == {"a": "</script><!-- & >"}
