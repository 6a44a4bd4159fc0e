"""sources.wikipedia: the real pages of five years, each read a second time by other means."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from history.model import STATED
from tests.wikipedia_pages import parse, staged


class Reader(HTMLParser):
    """The standard library's parser, with nothing of ours: tables as rows of (tag, colspan, text)."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[tuple[str, int, str]]]] = []
        self.open: list[int] = []
        self.skipping = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append([])
            self.open.append(len(self.tables) - 1)
        elif tag in ("style", "script"):
            self.skipping += 1
        elif self.open and tag == "tr":
            self.tables[self.open[-1]].append([])
        elif self.open and tag in ("td", "th") and self.tables[self.open[-1]]:
            self.tables[self.open[-1]][-1].append((tag, int(dict(attrs).get("colspan") or 1), ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self.open.pop()
        elif tag in ("style", "script"):
            self.skipping -= 1

    def handle_data(self, data: str) -> None:
        table = self.tables[self.open[-1]] if self.open else []
        if table and table[-1] and not self.skipping:
            tag, across, text = table[-1][-1]
            table[-1][-1] = (tag, across, text + data)


def read_otherwise(path: Path, column: int) -> list[tuple[str, str, str]]:
    """Return (name, year, raw) of the largest table of the page, the IMF's figure standing in `column` (from 0)."""
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    rows = []
    for row in max(reader.tables, key=len):
        cells = [text for tag, across, text in row if tag == "td" for _ in range(across)]
        if cells:
            year = re.sub(r"\[.*?\]", "", cells[column + 1]).strip()
            rows.append((" ".join(cells[0].split()), year if year.isdigit() else "", cells[column].strip()))
    return rows


# name, column of the IMF's figure, economies, of these without a figure, then SPOTS
SPOTS = ("United States", "China", "Japan", "Germany", "Tuvalu", "Kosovo", "Taiwan")
CAPTURES = [
    ("en_2021-06-30_rev1031213417", 3, 213, 18, "22,675,271 16,642,318 5,378,136 4,319,286 57 8,810 759,104"),
    ("en_2023-08-20_rev1171401355_webarchive", 2, 213, 22,
     "26,854,599 19,373,586 4,409,738 4,308,854 65 9,990 790,728"),
    ("en_2024-06-30_rev1231904749", 1, 213, 19, "28,781,083 18,532,633 4,110,452 4,591,100 66 11,318 802,958"),
    ("en_2025-01-07_rev1267927482", 1, 209, 15, "30,337,162 19,534,894 4,389,326 4,921,563 66 11,318 814,438"),
    ("en_2025-01-09_rev1268441880_world_typo", 1, 209, 15,
     "30,337,162 19,534,894 4,389,326 4,921,563 66 11,318 814,438"),
]


@pytest.mark.parametrize(("name", "column", "economies", "without", "spot"), CAPTURES, ids=[row[0] for row in CAPTURES])
def test_real_page(captures: Path, name: str, column: int, economies: int, without: int, spot: str) -> None:
    path = captures / "wikipedia" / f"{name}.html"
    batch = parse(path)
    found = staged(batch)
    assert found == read_otherwise(path, column)
    assert len([each for each in found if each[0] != "World"]) == economies
    assert len([each for each in found if not each[1]]) == without
    figures = {each[0].rstrip("†"): each[2] for each in found}
    assert [figures[each] for each in SPOTS] == spot.split()
    day, label = re.findall(r"_([0-9-]{10})_(rev[0-9]+)", name)[0]
    assert (batch.vintage.published, batch.vintage.label, batch.vintage.dating) == (day, label, STATED)
    assert (batch.quarantined, batch.warnings, batch.set_aside.total()) == ([], [], 2 * len(found))


def test_the_worlds_typo_is_staged_as_it_stands(captures: Path) -> None:
    batch = parse(captures / "wikipedia" / "en_2025-01-09_rev1268441880_world_typo.html")
    assert staged(batch)[0] == ("World", "2025", "1115,494,312")
