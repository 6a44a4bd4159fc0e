"""The engine on real figures: the bundled vintages, a damaged workbook, Wikipedia's pages, each read by other means."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from engines import CleanBatch, CleanJob
from engines.pandas_engine import clean
from pipeline.checkpoints import balanced
from pipeline.documents import RawDocument
from pipeline.parts import write_parts
from rules import gates
from rules.identity import Identity
from rules.records import StagedRecord
from sources import BaseSource, VintageBatch, open_source
from utils import PROJECT, Workspace, utc_now

IDENTITY = Identity(json.loads((PROJECT / "data" / "country_region_table.json").read_text(encoding="utf-8")))


def documents(paths: list[Path]) -> list[RawDocument]:
    return [RawDocument(kind="data", url=path.name, path=path, fetched_at=utc_now()) for path in paths]


def cleaned(folder: Path, source: BaseSource, batch: VintageBatch, year: int) -> CleanBatch:
    workspace = Workspace(folder)
    parts = write_parts(workspace, workspace.staged / batch.vintage.slug, "part", StagedRecord._fields, batch.rows)
    done = clean(CleanJob(source.dataset, batch.vintage.label, [workspace.resolve(p.relative_path) for p in parts],
                          IDENTITY, "NGDPD", 0 if source.own_years else year, batch.decimal_mark, batch.decimals))
    assert balanced(done.balance)["in"] == sum(part.rows for part in parts)
    return done


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CleanBatch]:
    source, folder = open_source("bundled"), tmp_path_factory.mktemp("bundle")
    found = {}
    for batch in source.parse(documents([PROJECT / "data" / "weo_vintages.xz"])):
        found[batch.vintage.label] = cleaned(folder, source, batch, int(batch.vintage.label[:4]))
    for done in found.values():
        done.rows = list(done.rows)
    return found


ECONOMIES = {"2021-04": 195, "2021-10": 196, "2022-04": 196, "2022-10": 196, "2023-04": 196, "2023-10": 196,
             "2024-04": 196, "2024-10": 196, "2025-04": 196, "2025-10": 197}


def test_every_bundled_vintage_is_whole(bundle: dict[str, CleanBatch]) -> None:
    assert {label: len(batch.census.economies) for label, batch in bundle.items()} == ECONOMIES
    assert sum(batch.balance["in"] for batch in bundle.values()) == 454_529
    assert all(not batch.quarantined and not batch.census.unknown for batch in bundle.values())
    assert {label: gates.judge(batch.census) for label, batch in bundle.items() if gates.judge(batch.census)} == {}


def test_the_world_is_the_sum_within_two_percent_in_every_vintage(bundle: dict[str, CleanBatch]) -> None:
    apart = []
    for batch in bundle.values():
        total, world = sum(batch.census.gdp.values(), Decimal(0)), batch.census.world
        assert world is not None
        apart.append(abs(world - total) / total)
    assert len(apart) == 10 and max(apart) < Decimal("0.02")


SPOTS = [("2025-04", "NGA", "2022", "476.5"), ("2025-10", "NGA", "2022", "645.7")]


@pytest.mark.parametrize(("vintage", "iso3", "year", "value"), SPOTS)
def test_nigeria_before_and_after_its_revision(bundle: dict[str, CleanBatch], vintage: str, iso3: str, year: str,
                                               value: str) -> None:
    found = [text for place, indicator, at, text, *_ in bundle[vintage].rows
             if (place, indicator, at) == (iso3, "NGDPD", year)]
    assert [round(float(text), 1) for text in found] == [float(value)]


def test_one_vintage_equals_the_panel_read_by_itself(bundle: dict[str, CleanBatch], captures: Path) -> None:
    """October 2025 has ISO-like codes, so that the panel can be read without the project's country table."""
    pytest.importorskip("pyarrow")
    panel = pd.read_parquet(captures / "weo_panel.parquet")
    panel = panel[(panel["vintage"] == "2025-10") & (panel["concept"] == "NGDPD")]
    theirs = {(str(area), str(year)): round(value, 3) for area, year, value in zip(
        panel["ref_area"], panel["year"], panel["value"], strict=True)}
    codes = {"UVK": "XKX", "KOS": "XKX", "WBG": "PSE"}
    groups = {area for area, _ in theirs if area[1:].isdigit() or area.startswith("GX")}
    expected = {(codes.get(area, area), year): value for (area, year), value in theirs.items() if area not in groups}
    ours = {(iso3, year): float(text) for iso3, indicator, year, text, *_ in bundle["2025-10"].rows
            if indicator == "NGDPD"}
    assert len(ours) > 9_000
    assert ours == expected


# --- files and pages ----------------------------------------------------------------------------------------------


def test_a_workbook_with_a_lost_decimal_point_is_refused_naming_korea(captures: Path, tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    source = open_source("weo")
    path = captures / "weo" / "WEOOct2024all_damaged_decimal_point.xlsx"
    [batch] = source.parse(documents([path]))
    found = gates.judge(cleaned(tmp_path, source, batch, 2024).census)
    jump = next(finding for finding in found if finding.gate == "jump")
    assert jump.fatal and "KOR" in jump.text


def pages(captures: Path) -> Iterator[Path]:
    return iter(sorted(captures.glob("wikipedia/en_*")))


def test_wikipedia_pages_pass_and_only_the_typo_is_reported(captures: Path, tmp_path: Path) -> None:
    source, told = open_source("wikipedia"), Counter[str]()
    for path in pages(captures):
        [batch] = source.parse(documents([path]))
        done = cleaned(tmp_path, source, batch, 0)
        found = gates.judge(done.census)
        assert [finding for finding in found if finding.fatal] == [], path.name
        assert len(done.picture) >= 185, path.name
        assert set(done.census.unknown) <= {"Zanzibar"}, path.name  # of 2021: a part of Tanzania, quarantined
        told.update({path.name: sum(finding.gate == "world" for finding in found)})
    assert [name for name, count in told.items() if count] == [
        name for name in told if "world_typo" in name] and len(told) == 5
