"""report.py --png: real PNG files of the right size, whose pixels have the colours of the figures."""

from __future__ import annotations

import argparse
import os
import struct
import zlib
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from lxml import etree

from questions import Asked
from reports.dashboard import pictures
from reports.dashboard.facts import Economy, Facts, gathered
from reports.dashboard.words import Words
from reports.dashboard.world import outlines
from targets import open_target
from tests.orchestra import table_options, tree, write_table
from tests.project import run, sql
from utils import Workspace

needs_vl_convert = pytest.mark.skipif(not find_spec("vl_convert"), reason="the group `dashboard` is not installed")
WORDS = Words.load()
Pixels = list[list[str]]
NEWEST = ("SELECT {}, value FROM fact_gdp JOIN dim_country USING (iso3) WHERE indicator = '{}' AND year = 2025 "
          "AND dataset = 'imf-weo' AND to_vintage IS NULL ORDER BY value DESC")
SMALL = 640  # pixels: half the units of a slide


def facts_of(workspace: Path, **asked: object) -> Facts:
    options = argparse.Namespace(**{"year": 2025, "region": "", "min_gdp": 100.0, "top": 0, "format": "json"} | asked)
    target = open_target("sqlite", Workspace(workspace))
    return gathered(Asked(target, Workspace(workspace), options))


@pytest.fixture(scope="module")
def facts(bundle: Path) -> Facts:
    return facts_of(bundle)


def economy(facts: Facts, iso3: str) -> Economy:
    return next(each for each in facts.economies if each.iso3 == iso3)


def header(file: Path) -> tuple[int, int, int, int]:
    """Return width, height, bits and kind of a PNG."""
    content = file.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert content[-8:-4] == b"IEND"
    wide, high, bits, kind = struct.unpack(">IIBB", content[16:26])
    return wide, high, bits, kind


def pixels(file: Path, stop: int) -> Pixels:
    """Return the upper rows of an RGBA PNG as "#rrggbb", by the five filters of the PNG specification."""
    content, at, packed = file.read_bytes(), 8, b""
    wide, *_ = header(file)
    while at < len(content):
        (length,), kind = struct.unpack(">I", content[at:at + 4]), content[at + 4:at + 8]
        packed += content[at + 8:at + 8 + length] if kind == b"IDAT" else b""
        at += length + 12
    raw, above, rows = zlib.decompress(packed), bytearray(wide * 4), []
    for y in range(stop):
        start = y * (wide * 4 + 1)
        line = bytearray(raw[start + 1:start + 1 + wide * 4])
        unfilter(raw[start], line, above)
        rows.append([f"#{line[x:x + 3].hex()}" for x in range(0, wide * 4, 4)])
        above = line
    return rows


def unfilter(kind: int, line: bytearray, above: bytearray) -> None:
    for x in range(len(line)):
        a, b, c = (line[x - 4], above[x], above[x - 4]) if x > 3 else (0, above[x], 0)
        nearest = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
        line[x] = (line[x] + (0, a, b, (a + b) // 2, nearest)[kind]) & 255


# --- the command ----------------------------------------------------------------------------------------------------


@needs_vl_convert
def test_the_command_writes_pictures_for_slides_and_nothing_else(bundle: Path, tmp_path: Path) -> None:
    before = tree(bundle)
    folder = tmp_path / "deep" / "slides"
    done = run("report.py", "--png", folder, "--country", "nigeria", "--year", 2025, "--format", "csv",
               workspace=bundle)
    assert (done.returncode, done.stderr) == (0, "")
    names = ["map-gdp.png", "ranking.png", "map-growth.png", "regions.png", "history-NGA.png"]
    assert [line.split(",")[0] for line in done.stdout.split()] == ["Picture", *(str(folder / name) for name in names)]
    assert sorted(each.name for each in folder.iterdir()) == sorted(names)
    assert {header(each) for each in folder.iterdir()} == {(1920, 1080, 8, 6)}
    assert tree(bundle) == before


@needs_vl_convert
def test_a_small_table_of_ones_own_has_the_pictures_that_it_can(tmp_path: Path) -> None:
    table, workspace = tmp_path / "gdp.csv", tmp_path / "workspace"
    write_table(table, vintages=("2025-04",))
    assert run("etl_process.py", *table_options(table), "--no-html", "--no-csv", "--quiet",
               workspace=workspace).returncode == 0
    done = run("report.py", "--png", tmp_path / "slides", "--country", "NGA", workspace=workspace)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(each.name for each in (tmp_path / "slides").iterdir()) == [
        "history-NGA.png", "map-gdp.png", "ranking.png", "regions.png"]  # no growth to draw


@pytest.mark.parametrize(("given", "code", "words"), [
    (["--country", "Atlantis"], 2, "There is no country 'Atlantis'"),
    (["--country", "CUB"], 2, "The picture's dataset has no GDP of Cuba"),
    (["--indicator", "LP"], 2, "--indicator goes with --revisions, --compare and --explain, not with --png"),
    (["--as-of", "2024-04"], 2, "not allowed with argument"),
    (["--target", "regions"], 2, "--png asks the history, and --target regions holds one picture and no history"),
    (["--year", "1812"], 2, "The newest vintage has no GDP for 1812"),
])
def test_what_cannot_be_drawn_is_said(bundle: Path, tmp_path: Path, given: list[str], code: int, words: str) -> None:
    done = run("report.py", "--png", tmp_path / "slides", *given, workspace=bundle)
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    assert not (tmp_path / "slides").exists()


def test_an_empty_database_has_no_pictures(tmp_path: Path) -> None:
    done = run("report.py", "--png", tmp_path / "slides", workspace=tmp_path / "workspace")
    assert done.returncode == 5
    assert "python etl_process.py" in done.stderr
    assert not (tmp_path / "slides").exists()


@needs_vl_convert
def test_a_folder_that_is_a_file_is_named(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "slides").write_text("mine")
    done = run("report.py", "--png", tmp_path / "slides", workspace=bundle)
    assert done.returncode == 2
    assert "The pictures cannot be written: " in done.stderr
    assert f"where: {tmp_path / 'slides'}\n" in done.stderr
    assert done.stderr.rstrip().endswith("--png slides")
    assert (tmp_path / "slides").read_text() == "mine"


@needs_vl_convert
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_named(bundle: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    done = run("report.py", "--png", tmp_path / "slides", workspace=bundle)
    tmp_path.chmod(0o700)
    assert (done.returncode, "The pictures cannot be written: Permission denied" in done.stderr) == (2, True)


def test_without_vl_convert_it_says_what_to_install(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "vl_convert.py").write_text("raise ImportError('not here')\n")
    done = run("report.py", "--png", tmp_path / "slides", workspace=bundle, env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 2
    assert "--png needs vl-convert-python, which is not installed" in done.stderr
    assert "next:  python -m pip install -c constraints.txt '.[dashboard]'" in done.stderr
    assert not (tmp_path / "slides").exists()


# --- what is on them ------------------------------------------------------------------------------------------------


@needs_vl_convert
def test_the_map_has_the_colours_of_the_figures(facts: Facts, bundle: Path, tmp_path: Path) -> None:
    slides = pictures.drawn(facts, WORDS, outlines())
    chosen = {name: slides[name] for name in ("map-gdp.png", "map-growth.png")}
    gdp, growth = (pixels(file, 240) for file in pictures.write(tmp_path, chosen, SMALL))
    figures = dict(sql(bundle, NEWEST.format("iso3", "NGDPD")))
    assert {iso3: int(figures[iso3]) for iso3 in ("USA", "NGA", "DZA", "BRA")} == {
        "USA": 30615, "NGA": 285, "DZA": 288, "BRA": 2256}
    places = {"USA": (154, 114), "NGA": (307, 173), "DZA": (299, 135), "BRA": (210, 217), "Greenland": (255, 62),
              "sea": (420, 238)}
    assert {name: gdp[y][x] for name, (x, y) in places.items()} == {
        "USA": "#08335f", "NGA": "#5697ca", "DZA": "#5697ca", "BRA": "#165590", "Greenland": "#fafafa",
        "sea": "#ffffff"}
    percents = dict(sql(bundle, NEWEST.format("iso3", "NGDP_RPCH")))
    assert [percents[iso3] for iso3 in ("IND", "USA", "RUS")] == [6.646, 2.017, 0.609]
    places = {"IND": (416, 146), "USA": places["USA"], "RUS": (418, 75)}
    assert {name: growth[y][x] for name, (x, y) in places.items()} == {
        "IND": "#17507f", "USA": "#97c0e0", "RUS": "#d5e5f2"}
    assert header(tmp_path / "map-gdp.png") == (640, 360, 8, 6)


@needs_vl_convert
def test_text_is_drawn(facts: Facts, tmp_path: Path) -> None:
    svg = pictures.drawn(facts, WORDS, outlines())["ranking.png"]
    without = svg.replace("The 15 largest economies: GDP of 2025, billion US$</text>", "</text>")
    assert without != svg
    told, silent = (pixels(file, 34) for file in pictures.write(tmp_path, {"a.png": svg, "b.png": without}, SMALL))
    assert sum(row.count("#17202b") for row in told) > 100
    assert sum(row.count("#17202b") for row in silent) == 0


def texts(svg: str) -> list[str]:
    """Return the words that are drawn on a slide, in their order."""
    return ["".join(each.itertext()) for each in etree.fromstring(svg).iter("{*}text")]


def test_a_slide_says_what_it_shows_and_whose_it_is(facts: Facts) -> None:
    slides = pictures.drawn(facts, WORDS, outlines(), economy(facts, "NGA"))
    ours = "International Monetary Fund, World Economic Outlook Database, October 2025"
    for name, svg in slides.items():
        assert any(ours in text for text in texts(svg)), name
        assert any(text.startswith(f"Figures: {ours}") for text in texts(svg)), name
        assert ("Borders are those of Natural Earth" in svg) == name.startswith("map-")
    assert texts(slides["map-gdp.png"])[0] == "GDP, 2025"
    assert texts(slides["map-growth.png"])[0] == "Real growth, 2025"
    assert texts(slides["history-NGA.png"])[0] == "Nigeria: GDP, billion US$"
    assert "9 earlier editions" in texts(slides["history-NGA.png"])


def test_the_ranking_is_that_of_the_database(facts: Facts, bundle: Path) -> None:
    rows = sql(bundle, NEWEST.format("name", "NGDPD"))[:15]
    assert rows[0] == ("United States", 30615.743)
    drawn = texts(pictures.drawn(facts, WORDS, outlines())["ranking.png"])
    assert drawn[2:-1] == [text for name, value in rows for text in (name, f"{value:,.0f}")]


def test_the_ranking_keeps_to_the_region_and_the_number_asked_for(bundle: Path) -> None:
    slides = pictures.drawn(facts_of(bundle, region="Africa", top=3), WORDS, outlines())
    assert texts(slides["ranking.png"])[0] == "The 3 largest economies: GDP of 2025, billion US$"
    assert texts(slides["ranking.png"])[2:-1] == ["South Africa", "426", "Egypt", "349", "Algeria", "288"]


@needs_vl_convert
def test_a_name_is_shown_and_never_markup(facts: Facts, tmp_path: Path) -> None:
    evil = '</svg><script>alert("1")</script> & \x00\ud800'
    first, *rest = facts.economies
    hostile = replace(facts, economies=[replace(first, name=evil), *rest], citation=evil, label=evil)
    slides = pictures.drawn(hostile, WORDS, outlines(), hostile.economies[0])
    for svg in slides.values():
        assert "script" not in {etree.QName(each).localname for each in etree.fromstring(svg).iter(etree.Element)}
    assert '</svg><script>alert("1")</scrip…' in texts(slides["ranking.png"])  # cut: so much has room
    assert texts(slides["history-USA.png"])[0] == f"{evil[:-2]}\ufffd\ufffd: GDP, billion US$"
    assert len(pictures.write(tmp_path, slides, 160)) == 5
