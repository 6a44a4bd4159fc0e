"""What the benchmark of large tables sees of a run, in which order it runs, and that its page leaves nothing out."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.large import charts, results, run, watch
from bench.large.runners import OURS, environment

MIB = 2**20
# Two processes hold 80 MiB each until both are told to end, so that they hold them at the same time.
TREE = """
import subprocess, sys, time
held = bytearray(b"x") * (80 * 2**20)
if len(sys.argv) == 1:
    child = subprocess.Popen([sys.executable, __file__, "child"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.stdout.readline()
    time.sleep(0.5)
    child.communicate()
else:
    print(flush=True)
    sys.stdin.read()
"""
pytestmark = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="reads Linux's smaps_rollup")


def watched(text: str, folder: Path, timeout: float = 60, ceiling: int = 2**40) -> watch.Watched:
    script = folder / "script.py"
    script.write_text(text)
    with tempfile.TemporaryFile() as errors:
        return watch.watch([sys.executable, str(script)], environment(), errors, timeout, ceiling)


def test_memory_is_of_the_whole_tree(tmp_path: Path) -> None:
    seen = watched(TREE, tmp_path)
    assert seen.outcome == watch.OK and 160 * MIB < seen.private <= seen.peak < 260 * MIB


def test_a_run_over_the_ceiling_is_ended_and_that_is_its_result(tmp_path: Path) -> None:
    seen = watched(TREE, tmp_path, ceiling=100 * MIB)
    assert seen.outcome == "out of memory"


def test_a_run_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    endless = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import signal; signal.pause()'])\n"
    assert watched(endless, tmp_path, timeout=0.3).outcome == "timeout"


@pytest.mark.parametrize(("text", "outcome"), [
    ("raise MemoryError", "out of memory"), ("import sys; sys.exit('Out of Memory Error: could not')", "out of memory"),
    ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "out of memory"), ("import nothing_at_all", "failed")])
def test_how_a_run_ended(text: str, outcome: str, tmp_path: Path) -> None:
    assert watched(text, tmp_path).outcome == outcome


def test_every_round_begins_with_another_and_keeps_to_one_table() -> None:
    cases = [run.Case("scale", name, rows) for rows in (1, 10) for name in ("a", "b")]
    order = [(case.rows, case.runner, number) for case, number in run.in_turns(cases, 2)]
    assert order == [(1, "a", 0), (1, "b", 0), (1, "b", 1), (1, "a", 1),
                     (10, "a", 0), (10, "b", 0), (10, "b", 1), (10, "a", 1)]


def test_what_is_measured_by_default_at_each_size() -> None:
    options = run.options_of(["--work", "x", "--groups", "scale"])
    names = {rows: [case.runner for case in run.cases(options) if case.rows == rows] for rows in (10, 100)}
    assert names == {10: [OURS, "polars", "duckdb", "duckdb in 1 GiB", "pandas", "dask", "spark"],
                     100: [OURS, "polars", "duckdb", "duckdb in 1 GiB"]}


def line(runner: str, seconds: float, **further: object) -> dict[str, object]:
    return {"group": "scale", "runner": runner, "rows": 1.0, "skew": "none", "workers": 2, "memory": 0, "outcome": "ok",
            "seconds": seconds, "cpu": seconds, "peak": 100 * MIB, "private": 50 * MIB, "steps": {"all": seconds},
            **further}


def test_the_page_has_medians_ratios_and_what_went_wrong(tmp_path: Path) -> None:
    lines = [line("duckdb", 9.0), line(OURS, 2.0), line(OURS, 4.0), line(OURS, 3.0),
             line("spark", 1.0, outcome="timeout"), line("polars", 6.0), line("polars", 1.0, outcome="out of memory")]
    measured = tmp_path / "measured.jsonl"
    measured.write_text("".join(json.dumps(each) + "\n" for each in lines) + '{"group": "sca')
    read = results.read(measured)
    assert read == lines
    assert results.table("scale", read).splitlines()[2:] == [
        f"| 1 M | {OURS} | 3.00 | 2.00 to 4.00 | 1.00 | 3.0 | 100 | 50 | 3 |  |",
        "| 1 M | duckdb | 9.00 | 9.00 to 9.00 | 3.00 | 9.0 | 100 | 50 | 1 |  |",
        "| 1 M | polars | 6.00 | 6.00 to 6.00 | 2.00 | 6.0 | 100 | 50 | 1 | out of memory |",
        "| 1 M | spark |  |  |  |  | 100 | 50 |  | timeout |"]
    assert results.drawn(read, tmp_path / "charts") == ["seconds.svg", "memory.svg"]
    for name in ("seconds.svg", "memory.svg"):
        ElementTree.parse(tmp_path / "charts" / name)
    assert "## Each step" in results.page(read, ["seconds.svg"])


def test_pieces_are_drawn_by_their_size_and_workers_as_bars(tmp_path: Path) -> None:
    sizes = ((1, 4.0), (16, 2.0), (16, 3.0))
    lines = [line(OURS, seconds, group="pieces", piece=size * MIB) for size, seconds in sizes]
    lines += [line(OURS, seconds, group="workers", workers=workers) for workers, seconds in ((1, 8.0), (2, 4.5))]
    assert results.drawn(lines, tmp_path) == ["pieces-seconds.svg", "pieces-memory.svg", "workers-bars.svg"]
    assert results.series(lines[:3], "seconds", 1, "piece", MIB) == {OURS: [(1, 4.0), (16, 2.5)]}
    assert results.bars(lines[3:], "workers") == {f"{OURS}, 1": 8.0, f"{OURS}, 2": 4.5}
    assert f"| 1 M | {OURS} | 16 MiB | 2.50 | 2.00 to 3.00 |" in results.page(lines, [])


def test_our_steps_are_held_against_what_the_machine_can_do() -> None:
    lines = [line(OURS, 9.0, kept=900, steps={"extract": 2.0, "load": 3.0}),
             {"group": "limits", "rows": 1.0, "what": results.DISK, "bytes": 500, "seconds": 1.0},
             {"group": "limits", "rows": 1.0, "what": results.INSERTED, "records": 450, "seconds": 1.2}]
    assert results.shares(lines).splitlines()[2:] == [
        f"| extract | {results.DISK} | 2.00 | 1.00 | 50% |", f"| load | {results.INSERTED} | 3.00 | 2.40 | 80% |"]


def test_lines_and_bars_show_every_name() -> None:
    drawn = charts.lines("t", "x", "y", {"a & b": [(1, 2), (100, 300)], "c": [(1, 1)]})
    assert "a &amp; b (300)" in drawn and "c (1)" in drawn and drawn.count("<circle") == 3
    assert charts.bars("t", "s", {"one": 1.0, "two": 2.0}).count('<rect x="330"') == 2


@pytest.mark.parametrize(("least", "most", "ticks"), [
    (1, 100, [1, 2, 5, 10, 20, 50, 100]), (3, 4, [2, 5]), (5, 5, [5, 10])])
def test_ticks(least: float, most: float, ticks: list[float]) -> None:
    assert charts.decades(least, most) == ticks
