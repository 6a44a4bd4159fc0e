"""Every word of the page is in one table of texts, each is used, and another language is one file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reports.dashboard import facts as facts_module
from reports.dashboard import page
from reports.dashboard.facts import Facts
from reports.dashboard.health import Health
from reports.dashboard.screen import MEASURES
from reports.dashboard.series import Series
from reports.dashboard.words import Words
from reports.tables import Report, Table
from tests.dashboards import Read, facts_of, page_of
from tests.history_db import Database
from tests.project import PROJECT

REASONS = {f"health.{name}" for name in ("aggregate", "exact duplicate", "not asked for", "no value", "superseded")}


@pytest.fixture(scope="module")
def bundled(bundle: Path) -> Facts:
    return facts_of(bundle)


@pytest.fixture
def told(held: Path) -> Facts:
    return facts_of(held)


def marked(table: Any, path: str = "") -> Any:
    """Return the table of texts with every word of the page between « and »."""
    if isinstance(table, dict):
        return {name: marked(each, f"{path}.{name}") for name, each in table.items()}
    if isinstance(table, list):
        return [marked(each, path) for each in table]
    return table if path in (".language", ".format.thousands", ".format.decimal", ".format.list", ".format.none") else (
        f"«{table}»")


def unmarked(text: str) -> str:
    """Return what stands outside of « and »."""
    depth, found = 0, []
    for sign in text:
        depth += (sign == "«") - (sign == "»")
        found.append(sign if not depth else " ")
    return "".join(found)


def test_every_word_is_in_the_table_of_texts(bundled: Facts) -> None:
    words = Words(marked(Words.load().table))
    health = replace(bundled.health, fallbacks=[], accepted=["world"], quarantined=2)
    read = Read(page_of(replace(bundled, health=health, others=3, undrawn=2, inherited=["USA"]), words))
    names = [*bundled.names.values(), *(each.iso3 for each in bundled.economies),
             *(each.region for each in bundled.economies), bundled.health.run_id, "imf-weo", "World Economies", "world"]
    data = {word for name in names for word in re.findall(r"\w+", name)}
    seen: list[str] = []
    for element in read.root.iter():
        if element.tag in ("script", "style"):
            seen.append(element.tail or "")
            continue
        seen += [element.text or "", element.tail or ""]
        seen += [value for name, value in element.attrib.items()
                 if name in ("aria-label", "placeholder", "title", "alt")]
    rest = {word for each in seen for word in re.findall(r"[^\W\d_]{2,}", unmarked(each))}
    assert rest - data == set()
    assert len(seen) > 3000


def test_the_script_has_no_words_of_its_own() -> None:
    script = (PROJECT / "reports" / "dashboard" / "page.js").read_text(encoding="utf-8")
    literals = re.findall(r'"((?:[^"\\\n]|\\.)*)"', re.sub(r"^\s*//.*$", "", script, flags=re.MULTILINE))
    assert len(literals) > 200
    assert [each for each in literals if re.match(r"[A-Z][a-z]+( |$)", each) or each.count(" ") > 3] == []


class Recording(Words):
    """The texts, and which of them were asked for."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        super().__init__(table)
        self.asked: set[str] = set()

    def __call__(self, place: str, /, **values: object) -> str:
        section, _, name = place.partition(".")
        one = f"{name}_one" if values.get("n") in (1, "1") and f"{name}_one" in self.table[section] else name
        self.asked.add(f"{section}.{one}")
        return super().__call__(place, **values)


def test_every_text_is_used(bundled: Facts, told: Facts, tmp_path: Path) -> None:
    words = Recording(Words.load().table)
    few = bundled.regions[:1]
    one = replace(bundled, economies=bundled.economies[:1], scored=bundled.scored[:1], counted=1)
    plain = replace(bundled.economies[0], iso3="ZZZ", forecast=None, series=Series([1.0] * len(bundled.years)))
    alone = replace(bundled.scored[0], measures=dict.fromkeys(MEASURES), shares=dict.fromkeys(MEASURES))
    health = Health("r", True, accepted=["world"], fallbacks=["imf: no"], quarantined=1)
    apart = facts_module.Comparison("b", "B", 2020, [], {"equal": 1, "agree": 2, "differ": 0})
    disagreement = facts_module.Disagreement("USA", "United States", 2020, 1.0, 2.0, 100.0)
    Database(tmp_path)
    for each in (
            bundled, told, facts_of(tmp_path), replace(facts_of(tmp_path), figures=2), replace(bundled, counted=0),
            replace(bundled, age=None, own_years=True, forecasts=0), replace(bundled, age=0, forecasts=3, undrawn=1),
            replace(bundled, age=1, publisher="", inherited=["USA"], channel="imf", undrawn=2, others=2),
            replace(one, regions=[dict(few[0], Counted=1)], before="", vintages=bundled.vintages[-1:], revisions=[]),
            replace(one, economies=[plain], scored=[alone], vintages=bundled.vintages[-1:], forecasts=0),
            replace(bundled, regions=[dict(few[0], Counted=2)], inherited=["USA", "FRA"], stale=False, health=health),
            replace(bundled, revisions=[], revised=(0, 3), health=Health("r", False)),
            replace(bundled, revised=(1, 3), economies=bundled.economies[:190], stale=True),
            replace(bundled, health=replace(health, quarantined=2), datasets=list(bundled.datasets) * 2),
            replace(bundled, datasets=[replace(bundled.datasets[0], stale=True),
                                       replace(bundled.datasets[0], age=None)],
                    comparisons=[apart, replace(apart, rows=[disagreement])])):
        page_of(each, words)
    page.picture(Report("t", [Table("economies", "e", [], {}), Table("regions", "r", [], {})]), words)
    script = (PROJECT / "reports" / "dashboard" / "page.js").read_text(encoding="utf-8")
    every = {f"{section}.{name}" for section, of in words.table.items() if isinstance(of, dict)
             and section not in ("format", "channels", "regions", "countries") for name in of}
    for measure in ("gdp", "growth"):
        words.asked |= {f"map.{measure}_value", f"map.{measure}_lead"}  # put together in the script
    left = {name for name in every - words.asked if not re.search(
        rf"\b{re.escape(name.partition('.')[2].removesuffix('_one'))}\b", script)}
    assert left == REASONS


def test_a_language_is_one_file(tmp_path: Path, told: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
    table = json.loads((PROJECT / "reports" / "dashboard" / "texts" / "en.json").read_text(encoding="utf-8"))
    table |= {"language": "de", "regions": {"Africa": "Afrika"}, "countries": {"NGA": "Nigeria (de)"}}
    table["format"] |= {"thousands": ".", "decimal": ","}
    (tmp_path / "de.json").write_text(json.dumps(table), encoding="utf-8")
    monkeypatch.setattr("reports.dashboard.words.FOLDER", tmp_path)
    read = Read(page_of(told, Words.load("de")))
    assert read.root.get("lang") == "de"
    rows = {row[0]: row for row in read.rows("rank-table")}
    assert (rows["NGA"][2], rows["NGA"][-1], rows["USA"][3]) == ("Nigeria (de)", "Afrika", "30.507,22")


def test_numbers_are_rounded_half_up_on_their_decimals() -> None:
    words = Words.load()
    assert [words.number(value, 2) for value in (1320.635, 2.675, -0.001, 1234567.0, None)] == [
        "1,320.64", "2.68", "0.00", "1,234,567.00", "–"]
    assert [words.number(value, 1, sign=True) for value in (0.25, -0.25, 0.0)] == ["+0.3", "−0.3", "+0.0"]
    assert [words.edition(label) for label in ("2025-10", "2022-10+2022-11-30", "2024-03-28", "rev123", "v1")] == [
        "October 2025", "October 2022 (30 November 2022)", "2024-03-28", "rev123", "v1"]
