"""The charts: literal paths and classes; colours that are read by everyone; markup that cannot be broken."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from lxml import etree

from reports.dashboard import charts
from reports.dashboard.charts import GDP, GROWTH, Bar, History, points, ticks
from reports.dashboard.markup import Markup, joined, tag
from reports.dashboard.world import World

TOLD = History([2023, 2024, 2025], [10.0, 20.0, 30.0], [[5.0, None, None]], ["v1", "v2"], ["one", "two"], 2025,
               "Nigeria <b>", "said", "forecast")
THEMES = (0, 1)


def test_markup_escapes_what_is_not_markup() -> None:
    made = tag("p", "<b>&", tag("i", 'a"b'), [Markup("<br>"), "'"], class_='x"y<', data_c="A", hidden=True, id=None,
               disabled=False)
    assert made == ('<p class="x&quot;y&lt;" data-c="A" hidden>&lt;b&gt;&amp;<i>a&quot;b</i><br>&#x27;</p>')
    assert tag("input", type="range", aria_label="a") == '<input type="range" aria-label="a">'
    assert joined(["a", ["<"]]) == "a&lt;"


@pytest.mark.parametrize(("low", "high", "expected"), [
    (0, 95, [0, 20, 40, 60, 80, 100]), (0, 30507, [0, 10000, 20000, 30000, 40000]), (0, 0, [0, 0.2, 0.4, 0.6, 0.8, 1]),
    (-3, 7, [-4, -2, 0, 2, 4, 6, 8]), (0, 0.05, [0, 0.01, 0.02, 0.03, 0.04, 0.05]), (0, 100, [0, 20, 40, 60, 80, 100]),
])
def test_ticks_are_round_and_reach_both_ends(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == expected


def test_a_line_is_broken_where_a_year_is_missing() -> None:
    assert points([1.0, 2.0, None, 3.0, None], [0, 10, 20, 30, 40], (100.0, 10.0, 0.0)) == "M0 90L10 80M30 70h0"
    assert points([None], [0], (100.0, 1.0, 0.0)) == ""


def test_scales_begin_a_class_at_its_break() -> None:
    assert [GDP.class_of(value) for value in (None, -1.0, 4.99, 5.0, 100.0, 4999.0, 5000.0)] == [
        "none", "q0", "q0", "q1", "q3", "q5", "q6"]
    assert [GROWTH.class_of(value) for value in (-9.0, -0.1, 0.0, 2.0, 6.0)] == ["d0", "d2", "d3", "d4", "d6"]


def test_the_map_draws_each_economy_and_the_dots_last() -> None:
    world = World("0 0 9 9", {"AAA": "M0 0h1", "BBB": "M1 1h1", "CCC": "M2 2h1"}, "", frozenset({"AAA"}))
    svg = etree.fromstring(charts.world_map(world, {"AAA": 1.0, "BBB": 9000.0}, GDP, {"BBB": "B & <co>"}, "t", "d"))
    assert [(each.get("data-c"), each.get("class"), each.findtext("title")) for each in svg.findall("path")] == [
        ("BBB", "land q6", "B & <co>"), ("CCC", "land none", "CCC"), ("AAA", "land dot q0", "AAA")]
    assert (svg.get("role"), svg.findtext("title"), svg.findtext("desc")) == ("img", "t", "d")


def test_a_history_has_a_line_an_edition_and_shades_the_forecast() -> None:
    svg = etree.fromstring(charts.history(TOLD, (344, 144)))  # 264 x 100 to draw in, from 64, 16 on
    lines = [(each.get("data-v"), each.get("class"), each.get("d")) for each in svg.findall("path")]
    assert lines == [("v1", "older", "M64 99.3h0"), ("v2", "newest", "M64 82.7L196 49.3"),
                     ("v2", "newest ahead", "M196 49.3L328 16")]
    shade = next(each for each in svg.findall("rect"))
    assert (shade.get("class"), shade.get("x"), shade.get("width")) == ("future", "262", "66")
    assert svg.findtext("title") == "Nigeria <b>"
    assert [each.text for each in svg.findall("text")] == ["forecast", "0", "10", "20", "30", "2023",
                                                           "2024", "2025"]


def test_bars_and_small_lines() -> None:
    assert 'class="fall"' in charts.bar(-0.5) and 'width="50"' in charts.bar(-0.5)
    assert 'width="0.4"' in charts.bar(0.0)
    assert charts.sparkline([1.0, None]) == ""
    assert 'd="M2 17L40 3L78 10"' in charts.sparkline([1.0, 3.0, 2.0])
    svg = etree.fromstring(charts.bars([Bar("A", 10.0, "ten"), Bar("B", -5.0, "less")], "t", "d"))
    drawn = [(each.get("class"), each.get("width")) for each in svg.findall("rect")]
    assert drawn == [("fill", "640"), ("fall", "320")]


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2."""
    parts = [int(colour[at:at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str, theme: int) -> float:
    high, low = sorted((luminance(charts.COLOURS[name][theme]) for name in (one, other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES, ids=["light", "dark"])
def test_words_stand_out(theme: int) -> None:
    for ink, papers in {"ink": ("paper", "panel", "shade"), "soft": ("paper", "panel", "shade"),
                        "accent": ("paper", "panel"), "warning-ink": ("warning",)}.items():
        for paper in papers:
            assert contrast(ink, paper, theme) >= 4.5, (ink, paper)
    for line in ("accent", "strong", "d1"):
        assert contrast(line, "paper", theme) >= 2.7, line


@pytest.mark.parametrize("theme", THEMES, ids=["light", "dark"])
def test_sizes_are_told_by_brightness_alone(theme: int) -> None:
    """Who sees no hue sees one order: from the paper's side to the other."""
    sizes = [luminance(charts.COLOURS[f"q{n}"][theme]) for n in range(7)]
    rates = [luminance(charts.COLOURS[f"d{n}"][theme]) for n in range(7)]
    sign = -1 if theme == 0 else 1
    assert all(sign * (after - before) > 0 for before, after in pairwise(sizes))
    assert all(sign * (after - before) > 0 for before, after in pairwise(rates[3:]))
    assert all(sign * (before - after) > 0 for before, after in pairwise(rates[:3]))


def test_every_class_that_is_drawn_has_a_colour() -> None:
    known = {selector for selector, *_ in charts.RULES}
    assert {f".{scale}{n}" for scale in "qd" for n in range(7)} <= known
    assert set(re.findall(r"var\(--([\w-]+)\)", charts.style())) <= set(charts.COLOURS)
