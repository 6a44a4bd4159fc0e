"""What an adversary found in the core of large tables: each case failed before it was mended."""

from __future__ import annotations

import importlib.metadata
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines import _order
from large import cut, extract_steps, transform_tasks
from pipeline.documents import RawDocument
from pipeline.errors import GateError, UsageError
from tests import large_table
from tests.large_stages import run_stages
from tests.project import PROJECT, manifest

pytest.importorskip("polars", reason="the group `large` is not installed")
pytest.importorskip("adbc_driver_sqlite", reason="the group `large` is not installed")

HEADER = "country,year,branch,gdp_usd_million\n"
POLARS = ("--engine", "polars", "--workers", "2")


def table(folder: Path, text: str, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


# --- many columns -----------------------------------------------------------------------------------------------------


def test_rows_equal_in_a_thousand_columns_are_sorted() -> None:
    chance = np.random.default_rng(3)
    half = [chance.integers(-10**17, 10**17, 50) for _ in range(1_000)]
    found = _order.sort([np.concatenate([column, column]) for column in half])
    order = sorted(range(100), key=lambda at: int(half[0][at % 50]))  # the first column tells all apart but the copies
    assert found.rows.tolist() == order
    assert found.new.tolist() == [True, False] * 50


def test_the_last_of_a_thousand_columns_decides() -> None:
    columns = [np.array([0, 0, 0, 0, 0, 10**17])] * 999  # row 5 is the largest; the others tie up to the last column
    found = _order.sort([*columns, np.array([5, -10**17, 5, 4, 10**17, -9])])
    assert found.rows.tolist() == [1, 3, 0, 2, 4, 5]
    assert found.new.tolist() == [True, True, True, False, True, True]


@pytest.mark.parametrize(("further", "words"), [(1_996, ""), (1_997, "has 1,997 columns beside economy, year and GDP")])
def test_more_columns_than_a_database_takes_are_refused_at_once(further: int, words: str, tmp_path: Path,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    names = ",".join(f"c{at}" for at in range(further))
    path = table(tmp_path, f"country,year,gdp_usd_million,{names}\nFiji,2020,5{',x' * further}\n")
    if words:
        with pytest.raises(UsageError, match=words):
            run_stages(monkeypatch, [path], tmp_path / "w", stages=["extract"])
        assert not list((tmp_path / "w").rglob("*.arrow"))
    else:
        run_stages(monkeypatch, [path], tmp_path / "w")
        assert len(large_table.held(tmp_path / "w")["Oceania"][0]) == 2_000


def test_a_key_that_two_columns_could_be_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = table(tmp_path, "country,year,Branch,branch,gdp_usd_million\nFiji,2020,1,2,5\nFiji,2020,1,3,5\n")
    with pytest.raises(UsageError, match="has 2 columns of that name"):
        run_stages(monkeypatch, [path], tmp_path / "w", "--key", "country,Branch")


def test_gdp_among_six_thousand_indicators_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = "".join(f"Fiji,2020,A{number:04d},million,5\n" for number in range(6_000))
    path = table(tmp_path, f"country,year,indicator,unit,value\n{others}Fiji,2020,NGDPD,US$ million,7000\n")
    run_stages(monkeypatch, [path], tmp_path / "w")
    assert large_table.held(tmp_path / "w")["Oceania"] == [("Fiji", 7.0, 7.0, 2020)]
    assert manifest(tmp_path / "w", "transform")["balance"] == {"in": 6_001, "out": 1,
                                                                "set aside: not asked for": 6_000}


def test_ranges_are_cut_by_some_columns_and_rows_go_by_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[Any]] = []

    def kept(*arguments: Any, **named: Any) -> Any:
        seen.append(choose(*arguments, **named))
        return seen[-1]

    choose = transform_tasks.choose_ranges
    monkeypatch.setattr(transform_tasks, "choose_ranges", kept)
    names = ",".join(f"c{at}" for at in range(40))
    numbers = random.Random(5).sample(range(3_000), 3_000)
    body = "".join(f"Fiji,2020,{number % 900},{number % 8}{',7' * 37},{number},5000\n" for number in numbers)
    run_stages(monkeypatch, [table(tmp_path, f"country,year,{names},gdp_usd_million\n{body}")], tmp_path / "w", *POLARS,
               "--piece-size", "4K")
    assert {len(each) for each in seen[0]} == {1, 18}  # a region; a region, the figure and 16 columns
    assert len(seen[0]) > 20
    rows = [(row[4], row[5], row[43]) for row in large_table.held(tmp_path / "w")["Oceania"]]
    assert rows == sorted((number % 900, number % 8, number) for number in numbers)


# --- pieces -----------------------------------------------------------------------------------------------------------


def test_a_sample_of_a_header_alone_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(GateError, match="has a header and no row under it"):
        run_stages(monkeypatch, [table(tmp_path, HEADER)], tmp_path / "w", "--sample", "100", stages=["extract"])


def test_pieces_of_one_file_never_take_the_numbers_of_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract_steps, "MOST_PIECES", 3)
    paths = [table(tmp_path, HEADER + "".join(f"Fiji,2020,{number},{5000 + 10 * number}\n"
                                              for number in range(first, first + 9)), f"t{first}.csv")
             for first in (0, 9)]
    run_stages(monkeypatch, paths, tmp_path / "w", *POLARS, "--piece-size", "20")
    assert [row[4] for row in large_table.held(tmp_path / "w")["Oceania"]] == list(range(17, -1, -1))


def test_pieces_parted_by_another_polars_are_parted_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = table(tmp_path, HEADER + "".join(f"Fiji,2020,{number},{5000 + number}\n" for number in range(400)))
    again, of_polars = tmp_path / "w", importlib.metadata.version

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(transform_tasks, "reduce_partition", killed)
        with pytest.raises(KeyboardInterrupt):
            run_stages(monkeypatch, [path], again, *POLARS, "--piece-size", "2K", stages=["extract", "transform"])
    parted = sorted(again.glob("results/work/*/parted/*.json"))
    before = [(each.name, each.stat().st_mtime_ns) for each in parted]
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "999" if name == "polars" else of_polars(name))
    with monkeypatch.context() as patched:
        patched.setattr(transform_tasks, "reduce_partition", killed)
        with pytest.raises(KeyboardInterrupt):
            run_stages(monkeypatch, [path], again, *POLARS, "--piece-size", "2K", stages=["transform"])
    assert len(before) > 2
    assert not {*before} & {(each.name, each.stat().st_mtime_ns) for each in parted}


def test_small_pieces_are_cut_without_reading_their_block_again_for_each(tmp_path: Path,
                                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    body = HEADER + "".join(f"Fiji,2020,{number},5\n" for number in range(100_000))
    path, size, block = table(tmp_path, body), len(body), 1 << 19
    layout = cut.layout_of(RawDocument("data", "t.csv", "2026-01-01T00:00:00Z", path=path), "t.csv", {})
    blocks = [(start, min(start + block, size), cut.survey_block(str(path), start, min(start + block, size)))
              for start in range(0, size, block)]
    read, steps = [], cut._steps

    def counted(*arguments: Any) -> Iterator[bytearray]:
        for data in steps(*arguments):
            read.append(len(data))
            yield data

    monkeypatch.setattr(cut, "_steps", counted)
    pieces = cut.cut(str(path), layout, blocks, 16_384)
    assert not isinstance(pieces, cut.Uncuttable)
    assert [len(pieces), pieces[0].end, pieces[-1].end] == [110, 16_436, 1_788_926]
    assert sum(read) < 2 * size


STAGED = """
import sys
from pathlib import Path
from large import extract_tasks, read, serial
from large.cut import layout_of
from large.watch import stamp
from pipeline.process import peak_memory
from sources._files import file_document
path, root = Path(sys.argv[1]), sys.argv[2]
layout, size = layout_of(file_document(path, {}), path.name, {}).told(), path.stat().st_size
before = peak_memory()
if sys.argv[3] == "cut":
    told = [extract_tasks.stage_piece(root, "s", "q", 0, str(path), path.name, stamp(path),
                                [[layout["header_ends"], size, 2]], layout, "")]
else:
    told = extract_tasks.stage_serially(root, "s", "q", 0, str(path), path.name, stamp(path), layout, "", 4 * size)
print(sum(each["quarantine"]["rows"] for each in told), (peak_memory() - before) >> 20)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system does not tell the peak of its memory")
@pytest.mark.parametrize(("way", "first"), [
    ("cut", ""), pytest.param("serially", "", marks=pytest.mark.full),
    pytest.param("by the csv module", 'Fi"ji,2020,1,5\n', marks=pytest.mark.full)])
def test_rows_that_cannot_be_read_wait_on_the_disk(way: str, first: str, tmp_path: Path) -> None:
    path = table(tmp_path, HEADER + first + "x\n" * 400_000)
    done = subprocess.run([sys.executable, "-c", STAGED, str(path), str(tmp_path / "w"), way], cwd=PROJECT,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    bad, peak = map(int, done.stdout.split())
    assert bad == 400_000
    assert peak < 70  # MiB; 110 where they wait in memory
    assert {each.suffix for each in (tmp_path / "w").rglob("*.*")} == {".json", ".arrow", ".csv"}


@pytest.mark.parametrize(("years", "pieces"), [(2, 10), (48, 30), (200, 80)])  # of a half, a sixth, a sixteenth
def test_a_wide_table_is_staged_in_smaller_pieces(years: int, pieces: int, tmp_path: Path,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    header = "country,branch," + ",".join(str(1900 + at) for at in range(years)) + "\n"
    body = "".join(f"Fiji,{number}{',5' * years}".ljust(999, "5") + "\n" for number in range(100))
    run_stages(monkeypatch, [table(tmp_path, header + body)], tmp_path / "w", *POLARS, "--piece-size", "20000",
               "--unit", "million", "--columns", "country=country", stages=["extract"])
    assert len(manifest(tmp_path / "w", "extract")["facts"]["table"]["pieces"]) == pieces
