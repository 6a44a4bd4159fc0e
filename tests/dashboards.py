"""The page of a workspace, built as report.py builds it, and read as a browser's parser does."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from lxml import html

import report
from questions import Asked
from reports.dashboard import page
from reports.dashboard.facts import Facts, gathered
from reports.dashboard.words import Words
from reports.dashboard.world import outlines
from targets import open_target
from utils import Workspace

TODAY = date(2026, 1, 31)


def facts_of(root: Path, *options: str, today: date = TODAY) -> Facts:
    """Return what the page of a workspace shows. options: of report.py."""
    workspace = Workspace(root)
    asked = Asked(open_target("sqlite", workspace), workspace, report.build_parser().parse_args(options))
    return gathered(asked, today)


def page_of(facts: Facts, words: Words | None = None) -> str:
    """Return the page."""
    return page.page(facts, words or Words.load(), outlines())


class Read:
    """A page, parsed."""

    def __init__(self, text: str) -> None:
        self.root: Any = html.document_fromstring(text)

    def one(self, query: str) -> Any:
        """Return the one element of an XPath."""
        found = self.root.xpath(query)
        assert len(found) == 1, (query, len(found))
        return found[0]

    def text(self, query: str) -> str:
        """Return the text of the one element, with single blanks."""
        return " ".join(self.one(query).text_content().split())

    def rows(self, name: str, *, hidden: bool = True) -> list[list[str]]:
        """Return code and cells of each row of a table."""
        return [[row.get("data-c", ""), *(" ".join(cell.text_content().split()) for cell in row)]
                for row in self.root.xpath(f'//table[@id="{name}"]/tbody/tr') if hidden or row.get("hidden") is None]

    @property
    def data(self) -> dict[str, Any]:
        """What the script reads."""
        content: dict[str, Any] = json.loads(self.one('//script[@id="data"]').text)
        return content


def lines_of(economy: dict[str, Any]) -> list[list[float | None]]:
    """Return the line of each edition, the oldest first, as the script makes them of the data."""
    lines = [list(economy["gdp"])]
    for steps in reversed(economy["steps"]):
        older = list(lines[0])
        for place, value in zip(steps[::2], steps[1::2], strict=True):
            older[place] = value
        lines.insert(0, older)
    return lines
