"""sources.table on large tables: what they cost, and the real panel of ten vintages."""

from __future__ import annotations

import csv
import re
import time
import tracemalloc
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.project import CAPTURES, manifest, run
from tests.tables import batches, consumed, read

PANEL = CAPTURES / "weo_panel.parquet"

# --- size and the real panel ------------------------------------------------------------------------------------------


def test_a_large_csv_streams(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    with path.open("w") as out:
        out.write("country,iso3,year,gdp_usd_billion\n")
        out.writelines(f"Country {n % 200},C{n % 200},{1900 + n % 120},{n * 0.37:.3f}\n" for n in range(100_000))
    started = time.process_time()
    assert sum(1 for batch in batches(path) for _ in batch.rows) == 100_000
    assert time.process_time() - started < 4 * 100_000 / 1_000_000 * 2.5  # 4 s a million, and room for a busy machine
    tracemalloc.start()
    for batch in batches(path):
        for number, _ in enumerate(batch.rows):
            if number > 20_000:
                break
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 << 20


def test_real_panel_against_a_reading_by_pandas(captures: Path) -> None:
    path = captures / "weo_panel.parquet"
    frame = pq.read_table(path, columns=["vintage", "concept", "ref_area", "year", "value"]).to_pandas()
    sizes = frame.groupby("vintage", observed=True).size().to_dict()
    wanted = frame[(frame.concept == "NGDPD") & (frame.vintage == "2025-10") & frame.value.notna()]
    theirs = {(a, str(y)): v for a, y, v in zip(wanted.ref_area, wanted.year, wanted.value, strict=True)}
    counted: dict[str, int] = {}
    for batch in batches(path, indicators=("NGDPD",)):
        if batch.vintage.label in ("2021-04", "2025-10"):
            rows = consumed(batch)
            counted[batch.vintage.label] = batch.rows_read
            assert {(r.unit, r.scale) for r in rows} == {("US$", "Billions")}
            assert batch.decimals["NGDPD"] == 3
    ours = {(r.code, r.year): r.raw for r in rows if r.raw}
    assert ours.keys() == theirs.keys()
    assert all(abs(float(ours[key]) - theirs[key]) < 1e-9 * max(1, theirs[key]) for key in theirs)
    assert counted == {label: sizes[label] for label in ("2021-04", "2025-10")}


def test_real_csv_of_one_edition(captures: Path) -> None:
    path = captures / "weo_ngdpd" / "data_2510.csv"
    batch, rows = read(path, vintage="2025-10", indicators=("NGDPD",))
    lines = path.read_text().splitlines()
    assert len(rows) == len(lines) - 1
    for row, line in zip(rows, lines[1:], strict=True):
        cells = line.split(",")
        assert (row.code, row.year, row.raw) == (cells[2], cells[7].removesuffix(".0"), cells[8])
    usa = next(r for r in rows if (r.code, r.year) == ("USA", "2030"))
    assert (usa.unit, usa.scale, usa.status, batch.scopes[0].complete) == ("US$", "Billions", "forecast", True)


# --- the whole panel through both stages ------------------------------------------------------------------------------

CLEAN = {"2021-04": 300_188, "2021-10": 300_444, "2022-04": 307_433, "2022-10": 308_014, "2023-04": 315_547}
SCALES = {"1000000000": 9, "1000000000.0": 9, "9.0": 9, "1000000": 6, "1000000.0": 6, "6.0": 6, "1": 0, "1.0": 0,
          "0.0": 0, "NULL": 0}  # every scale of the panel, as a power of ten
CANONICAL = {"NGDPD": 9, "LP": 6}
RECODED = {"UVK": "XKX", "KOS": "XKX", "WBG": "PSE"}


@pytest.fixture(scope="module")
def panel_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which the panel went through extract and transform, each a process of its own."""
    if not PANEL.is_file():
        pytest.skip("the captures of real answers are not beside this clone")
    workspace = tmp_path_factory.mktemp("panel")
    for script, *more in (("extract.py", "--source", "table", "--input", PANEL, "--dataset", "panel", "--indicator",
                           "all"), ("transform.py",)):
        done = run(str(script), *more, workspace=workspace, timeout=600)
        assert done.returncode == 0, done.stderr
    return workspace


def economies(areas: pd.Series[Any]) -> pd.Series[Any]:
    """Return the alpha-3 codes of the panel's areas, "" for groups, by the map that came with it."""
    new = pd.read_csv(PANEL.parent / "weo_ngdpd" / "old_new_ref_area.csv", dtype=str)
    later = dict(zip(new.ref_area, new.ref_area_new, strict=True))
    codes = {area: RECODED.get(later.get(area, area), later.get(area, area)) for area in areas.unique()}
    return areas.astype(str).map({area: code if re.fullmatch("[A-Z]{3}", code) else "" for area, code in codes.items()})


@pytest.mark.full
def test_the_whole_panel_comes_out_as_pandas_counts_it(panel_workspace: Path) -> None:
    panel = pd.read_parquet(PANEL, columns=["vintage", "ref_area"])
    rows = panel.groupby("vintage", observed=True).size()
    groups = panel[economies(panel.ref_area) == ""].groupby("vintage", observed=True).size()
    expected = {label: {"in": count, "out": count - groups[label], "set aside: aggregate": groups[label]}
                for label, count in rows.to_dict().items()}
    told = {stage: {batch["vintage"]["label"]: batch for batch in manifest(panel_workspace, stage)["facts"]["batches"]}
            for stage in ("extract", "transform")}
    assert {label: batch["balance"] for label, batch in told["extract"].items()} == {
        label: {"in": count, "out": count} for label, count in rows.to_dict().items()}
    assert {label: batch["balance"] for label, batch in told["transform"].items()} == expected
    assert {label: told["transform"][label]["balance"]["out"] for label in CLEAN} == CLEAN
    assert sum(batch["balance"]["out"] for batch in told["transform"].values()) == 3_152_164
    assert all(batch["main"] == "NGDPD" and not batch["findings"] for batch in told["transform"].values())
    assert len({str(sorted(batch["decimals"].items())) for batch in told["extract"].values()}) == 1


@pytest.mark.full
def test_every_clean_value_of_the_panel_is_the_panels(panel_workspace: Path) -> None:
    panel = pd.read_parquet(PANEL)
    panel["iso3"] = economies(panel.ref_area)
    panel = panel[panel.iso3 != ""]
    shift = panel["scale"].astype(str).map(SCALES) - panel.concept.astype(str).map(CANONICAL).fillna(0).astype(int)
    expected = {
        (label, iso3, concept, str(year)): Decimal(f"{value:.15g}").scaleb(places)
        for label, iso3, concept, year, value, places in zip(
            panel.vintage, panel.iso3, panel.concept, panel.year, panel.value, shift, strict=True)}
    assert len(expected) == len(panel) == 3_152_164
    compared, differing = 0, []
    for batch in manifest(panel_workspace, "transform")["facts"]["batches"]:
        for part in batch["parts"]:
            with (panel_workspace / part).open(encoding="utf-8", newline="") as stream:
                for row in csv.DictReader(stream):
                    key = (batch["vintage"]["label"], row["iso3"], row["indicator"], row["year"])
                    compared += 1
                    if expected.get(key) != Decimal(row["value_text"]):
                        differing.append((key, row["value_text"]))
    assert (compared, differing) == (3_152_164, [])


@pytest.mark.full
def test_the_whole_panel_stays_within_its_memory(panel_workspace: Path) -> None:
    peaks = {stage: manifest(panel_workspace, stage)["peak_memory"] >> 20 for stage in ("extract", "transform")}
    assert max(peaks.values()) < 600, peaks  # MiB; a vintage, not the file
