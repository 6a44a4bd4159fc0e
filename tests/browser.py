"""A real Chromium for the tests of the page: started once a module, cut off from any network, and watched.

Chromium or Chrome is the machine's own, driven by playwright (group dev). axe-core, which judges a page's
accessibility, comes from npm by `make axe`. Tests skip with a reason where one of them is missing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.project import PROJECT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# root in a container has no sandbox; the rest keeps Chromium from asking its makers for anything
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND")
AXE = Path(os.environ.get("WORLD_ECONOMIES_AXE", PROJECT / ".axe")) / "node_modules" / "axe-core" / "axe.min.js"
DESK, PHONE = (1280, 900), (390, 844)  # pixels of a window
PATIENCE = 10_000  # milliseconds for anything a page should do at once

RANKED = "#rank-table tbody tr:not([hidden])"

needs_axe = pytest.mark.skipif(not AXE.exists(), reason="no axe-core: make axe")


@contextmanager
def started() -> Iterator[Browser]:
    """Start Chromium; skip where it or playwright is missing."""
    api = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install '.[dev]'")
    binary = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if binary is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on the PATH")
    with api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=binary, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Shown:
    """A page that is open, and what it did.

    faults: errors and warnings on the console, refusals of the Content-Security-Policy, exceptions nobody caught.
    asked: every address that it or the browser for it asked for, its own first; what the policy stopped is none of
    them. spoken: dialogs it opened.
    """

    page: Page
    faults: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Begin to write down."""
        def said(line: Any) -> None:
            if line.type in ("error", "warning"):
                self.faults.append(line.text)

        def dialog(each: Any) -> None:
            self.spoken.append(each.message)
            each.dismiss()

        def failed(request: Any) -> None:
            if request.failure == "csp" and request.url in self.asked:
                self.asked.remove(request.url)

        self.page.on("console", said)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("requestfailed", failed)
        self.page.on("websocket", lambda socket: self.asked.append(socket.url))
        self.page.on("dialog", dialog)

    def ask(self, script: str, argument: object = None) -> Any:
        """Return what a function of JavaScript returns in the page, as plain values."""
        return self.page.evaluate(script, argument)


@contextmanager
def shown(browser: Browser, file: Path, size: tuple[int, int] = DESK, **settings: Any) -> Iterator[Shown]:
    """Open a file in a window of its own. settings: of playwright's new_context, as color_scheme="dark"."""
    context: BrowserContext = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, offline=True, accept_downloads=True,
        **{"locale": "en-US", "timezone_id": "UTC", "reduced_motion": "reduce", **settings})
    try:
        context.set_default_timeout(PATIENCE)
        opened = Shown(context.new_page())
        opened.watch()
        opened.page.goto(file.as_uri(), wait_until="load")
        yield opened
    finally:
        context.close()


@cache
def _axe() -> str:
    return AXE.read_text(encoding="utf-8")


def accessibility_faults(page: Page, impacts: tuple[str, ...] = ("serious", "critical")) -> list[str]:
    """Return what axe-core finds: rule, how bad, the first places."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_axe() + "\n;0")
    found = page.evaluate("() => axe.run({resultTypes: ['violations']})")
    return [f"{each['id']} ({each['impact']}), {len(each['nodes'])}: "
            + "; ".join(f"{node['target'][0]} {node['any'][0]['message'] if node['any'] else ''}".strip()
                        for node in each["nodes"][:5])
            for each in found["violations"] if each["impact"] in impacts]


def focused_in_turn(page: Page, most: int = 400) -> list[str]:
    """Press Tab from the top until the page is left or comes round; return what had the focus, in order.

    As `tag#id[name]`; " unseen" follows where focus draws no outline, border or shadow other than without it.
    """
    page.evaluate("() => { document.activeElement.blur(); window.scrollTo(0, 0); }")
    turn: dict[int, str] = {}  # place among the elements -> name
    for _ in range(most):
        page.keyboard.press("Tab")
        place, name = page.evaluate(_FOCUS)
        if place in turn or not name:
            break
        turn[place] = name
    return list(turn.values())


_FOCUS = """() => {
  const at = document.activeElement;
  if (!at || at === document.body || at === document.documentElement) return [-1, ""];
  const place = [...document.querySelectorAll("*")].indexOf(at);
  const name = at.tagName.toLowerCase() + (at.id ? "#" + at.id : "") + (at.name ? `[${at.name}]` : "")
             + (at.dataset && at.dataset.c ? `(${at.dataset.c})` : "");
  const s = getComputedStyle(at);
  const outlined = s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 1;
  return [place, outlined || s.boxShadow !== "none" ? name : name + " unseen"];
}"""


def wider_than_window(page: Page) -> list[str]:
    """Return what makes the body scroll sideways: nothing, or the first elements outside of scrolling boxes."""
    found: list[str] = page.evaluate(_WIDER)
    return found


_WIDER = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const inBox = e => { for (let p = e.parentElement; p && p !== document.body; p = p.parentElement)
    if (getComputedStyle(p).overflowX !== "visible") return true; return false; };
  const right = e => Math.round(e.getBoundingClientRect().right);
  return [...document.body.querySelectorAll("*")].filter(e => right(e) > width + 1 && !inBox(e)).slice(0, 8)
    .map(e => `${e.tagName}#${e.id}.${e.getAttribute("class")} ${right(e)} > ${width}`).concat(["scrolls sideways"]);
}"""


def cut_on_paper(page: Page, width: int) -> list[str]:
    """Return what a sheet of so many pixels between its margins would lose: boxes that hold more than they show."""
    page.emulate_media(media="print")
    page.set_viewport_size({"width": width, "height": 1000})
    found: list[str] = page.evaluate(_CUT)
    return found + wider_than_window(page)


_CUT = """() => [...document.body.querySelectorAll("*")].filter(e => {
    const s = getComputedStyle(e);
    return e.clientWidth && s.display !== "none" && !(e instanceof SVGElement) && e.tagName !== "INPUT"
      && ((s.overflowX !== "visible" && e.scrollWidth > e.clientWidth + 1)
       || (s.overflowY !== "visible" && e.scrollHeight > e.clientHeight + 1));
  }).slice(0, 8).map(e => `${e.tagName}#${e.id}.${e.getAttribute("class")} ${e.scrollWidth}x${e.scrollHeight} in `
    + `${e.clientWidth}x${e.clientHeight}`)"""


def file_of(workspace: Path) -> Path:
    """Return the page of a workspace."""
    return workspace / "results" / "report.html"


def choose(page: Shown, **values: str | int) -> None:
    """Set controls by their ids, "_" for "-", as a reader does."""
    for name, value in values.items():
        control = page.page.locator(f"#{name.replace('_', '-')}")
        if control.evaluate("each => each.tagName") == "SELECT":
            control.select_option(str(value))
        else:
            control.fill(str(value))
