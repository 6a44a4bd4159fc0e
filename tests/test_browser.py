"""The watch over a page in Chromium itself: it tells of each fault that the page's own tests say there is none of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import browser
from tests.browser import PHONE, needs_axe, shown

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FAULTY = """<!doctype html><html><head><meta charset="utf-8"><title>Faulty</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src https:; style-src 'unsafe-inline';
script-src 'unsafe-inline'"></head><body><style>button:focus { outline: none; } button { color: #bbb; }
#box { width: 60px; overflow: hidden; white-space: nowrap; }</style>
<button id="one">One</button><a id="two" href="#one">Two</a><div style="width: 500px" id="wide">Wide</div>
<p id="box">A text that is longer than its box is wide, by much</p>
<p onclick="1"><img src="https://example.org/outside.png"></p>
<script>console.error("told"); alert("spoken"); eval("1");</script></body></html>"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser.started() as running:
        yield running


@pytest.fixture
def faulty(chromium: Browser, tmp_path: Path) -> Iterator[browser.Shown]:
    file = tmp_path / "faulty.html"
    file.write_text(FAULTY, encoding="utf-8")
    with shown(chromium, file, PHONE) as page:
        yield page


def test_what_a_page_does_is_written_down(faulty: browser.Shown) -> None:
    assert faulty.faults[0] == "told"
    assert "unsafe-eval" in " ".join(faulty.faults)
    assert "https://example.org/outside.png" in faulty.asked
    assert faulty.spoken == ["spoken"]


def test_focus_that_cannot_be_seen_is_told(faulty: browser.Shown) -> None:
    one, two = browser.focused_in_turn(faulty.page)
    assert one.startswith("button#one unseen")
    assert two == "a#two"


def test_what_is_wider_than_the_window_is_told(faulty: browser.Shown) -> None:
    assert browser.wider_than_window(faulty.page) == ["DIV#wide.null 508 > 390", "scrolls sideways"]


def test_what_paper_would_cut_is_told(faulty: browser.Shown) -> None:
    [box, *_] = browser.cut_on_paper(faulty.page, 700)
    assert box.startswith("P#box.null ")
    assert " in 60x" in box


@needs_axe
def test_what_some_readers_cannot_use_is_told(faulty: browser.Shown) -> None:
    rules = {line.split(" ")[0] for line in browser.accessibility_faults(faulty.page)}
    assert {"color-contrast", "html-has-lang", "image-alt"} <= rules
