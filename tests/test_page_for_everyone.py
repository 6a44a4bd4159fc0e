"""results/report.html in a real Chromium: only its own script runs, and everyone can use it: by keyboard, on paper."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import browser, pages
from tests.browser import DESK, PHONE, Shown, choose, file_of, needs_axe, shown

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# --- what data and policy let run -------------------------------------------------------------------------------------


def test_text_of_the_data_is_shown_and_never_run(chromium: Browser, tmp_path: Path) -> None:
    file = pages.page_of(pages.hostile(tmp_path / "workspace"))
    with shown(chromium, file) as opened:
        for iso3 in ("USA", "NGA", "DEU", "IND"):
            choose(opened, country=iso3, rank_least="0", weight_growth=90, map_year=2020)
            assert opened.page.inner_text("#history-caption").count(pages.ENDING if iso3 == "NGA" else "") >= 1
        opened.page.click("#world summary")
        assert opened.ask("() => window.ran") is None
        assert opened.page.locator("#rank-table tbody tr").nth(0).locator("th").inner_text() == pages.HOSTILE
        assert opened.page.locator("#map-table tbody tr").nth(0).locator("th").inner_text() == pages.HOSTILE
        assert pages.ENDING in (opened.page.locator('#map .land[data-c="NGA"] title').text_content() or "")
        assert opened.page.locator("img, b, script:not([type])").count() == 1  # its own script
        assert (opened.faults, opened.spoken, opened.asked) == ([], [], [file.as_uri()])
        assert browser.wider_than_window(opened.page) == []
        opened.page.set_viewport_size({"width": 390, "height": 844})
        assert browser.wider_than_window(opened.page) == []


ADDED = """() => {
  const add = (name, attributes, text) => { const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text) made.textContent = text; document.body.append(made); return made; };
  add("script", {}, "window.ran = 'inline'");
  add("script", {src: "data:text/javascript,window.ran='data'"});
  add("img", {src: "https://example.org/x.png", onerror: "window.ran = 'handler'"});
  add("iframe", {src: "https://example.org/"});
  add("object", {data: "https://example.org/x"});
  add("a", {href: "javascript:window.ran='address'"}, "x").click();
  add("style", {}, "h1 { display: none }");
  add("link", {rel: "stylesheet", href: "data:text/css,h2{display:none}"});
  add("base", {href: "https://example.org/"});
  const form = add("form", {action: "https://example.org/", method: "get"}); form.submit();
  document.querySelector("main").setAttribute("style", "display: none");
  const reached = fetch("https://example.org/").then(() => "reached", () => "refused");
  // later, as a script of the page's own would: what a debugger calls may evaluate texts
  return new Promise(done => setTimeout(() => {
    try { window.ran = eval("'eval'"); } catch (refused) { done(reached); }
  }));
}"""


def test_the_policy_lets_nothing_else_run_or_leave(chromium: Browser, ten: Path) -> None:
    with shown(chromium, file_of(ten)) as opened:
        assert opened.ask(ADDED) == "refused"
        opened.page.wait_for_function("() => [...document.images].every(each => each.complete)")
        assert opened.ask("() => window.ran") is None
        assert opened.asked == [file_of(ten).as_uri()]
        for part in ("h1", "#world h2", "main"):
            assert opened.page.locator(part).is_visible(), part
        assert len([each for each in opened.faults if "Content Security Policy" in each]) >= 10


# --- who can use it, and where ----------------------------------------------------------------------------------------


@needs_axe
@pytest.mark.parametrize(("size", "scheme"), [
    (DESK, "light"), (PHONE, "dark"), pytest.param(DESK, "dark", marks=pytest.mark.full),
    pytest.param(PHONE, "light", marks=pytest.mark.full)], ids=["1280-light", "390-dark", "1280-dark", "390-light"])
def test_no_serious_fault_of_accessibility(chromium: Browser, ten: Path, size: tuple[int, int], scheme: str) -> None:
    with shown(chromium, file_of(ten), size, color_scheme=scheme) as opened:
        opened.page.eval_on_selector_all("details", "each => each.forEach(one => { one.open = true; })")
        # a table's rows are alike: of a thousand cells the first rows are enough
        opened.page.eval_on_selector_all("tbody tr:nth-child(n + 4)", "rows => rows.forEach(row => row.remove())")
        assert browser.accessibility_faults(opened.page) == []


def test_every_control_is_reached_by_keyboard_and_seen(page: Shown) -> None:
    turn = browser.focused_in_turn(page.page)
    assert [each for each in turn if each.endswith("unseen")] == []
    controls = page.ask("""() => [...document.querySelectorAll("input, select, button, summary")]
        .filter(each => each.checkVisibility() && !each.disabled && (each.type !== "radio" || each.checked))
        .map(each => `${each.tagName.toLowerCase()}${each.id ? "#" + each.id : ""}${each.name ? `[${each.name}]` : ""}`)
    """)
    assert len(controls) >= 15
    assert [each for each in turn if each in controls] == controls  # all, in the order of the page


def test_the_theme_is_the_systems_until_the_reader_chooses(chromium: Browser, ten: Path) -> None:
    def paper() -> tuple[str, str]:
        look = "() => { const s = getComputedStyle(document.body); return [s.backgroundColor, s.color]; }"
        return tuple(opened.ask(look))

    with shown(chromium, file_of(ten), color_scheme="dark") as opened:
        dark = paper()
        opened.page.emulate_media(color_scheme="light")
        light = paper()
        assert dark != light
        choose(opened, theme="dark")
        assert paper() == dark
        opened.page.reload()
        assert (paper(), opened.page.input_value("#theme")) == (dark, "dark")
        opened.page.emulate_media(media="print")
        assert paper() == light
        assert opened.faults == []


@pytest.mark.parametrize("width", [390, pytest.param(320, marks=pytest.mark.full),
                                   pytest.param(768, marks=pytest.mark.full)])
def test_nothing_is_wider_than_a_small_window(chromium: Browser, ten: Path, width: int) -> None:
    with shown(chromium, file_of(ten), (width, 844), is_mobile=True, has_touch=True) as opened:
        assert opened.ask("() => window.innerWidth") == width
        assert browser.wider_than_window(opened.page) == []
        low = opened.page.eval_on_selector_all("select, button, input[type=search]", """each => each.filter(one =>
            one.checkVisibility() && one.getBoundingClientRect().height < 32).map(one => one.id)""")
        assert low == []  # a finger finds them


def test_it_prints_on_paper(page: Shown) -> None:
    printed = page.page.pdf(prefer_css_page_size=True, print_background=True)
    sizes = set(re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", printed))
    assert [(round(float(w)), round(float(h))) for w, h in sizes] == [(595, 842)] or sizes == {(b"596", b"842")}
    assert 3 <= len(re.findall(rb"/Type /Page\b", printed)) <= 8
    assert browser.cut_on_paper(page.page, 703) == []  # A4 less the margins, at 96 pixels an inch
    assert not page.page.locator("#rank-search").is_visible()
