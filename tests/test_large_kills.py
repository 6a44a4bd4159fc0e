"""Killed runs of a large table go on to the right content: a whole run, or a worker (test_sweep.py: at each write)."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests import large_table
from tests.orchestra import environment, half_written
from tests.project import manifest, run

pytest.importorskip("polars", reason="the group `large` is not installed")
pytest.importorskip("adbc_driver_sqlite", reason="the group `large` is not installed")

# How often the workers of a stage write, each worker by itself: opened for writing, synced or renamed.
WRITES = {"extract": 24, "transform": 40, "load": 24}
SEED = 20_261_121


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return large_table.write(tmp_path_factory.mktemp("kills") / "big.csv", 2_000, unknown=20)


def etl(table: Path, workspace: Path, *more: str, fault: dict[str, str] | None = None) -> tuple[int, str]:
    """Run all stages; returns the exit code and what was told."""
    done = run("etl_process.py", "--source", "table", "--input", str(table), "--target", "regions", "--no-html",
               "--engine", "polars", "--workers", "2", "--piece-size", "16K", *more, workspace=workspace,
               env=environment(fault))
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def right(table: Path, workspace: Path) -> None:
    """Assert that the databases are those of the table, the balance too, and that nothing half-made lies about."""
    regions, counts = large_table.expected(table)
    assert large_table.held(workspace) == regions
    assert manifest(workspace, "transform")["balance"] == dict(counts)
    assert half_written(workspace) == []
    assert not (workspace / "results" / "work").exists() or not any((workspace / "results" / "work").iterdir())


def kills(count: int) -> list[tuple[str, str]]:
    """Return so many (stage, at which write), spread over all stages, by seed."""
    every = [(stage, str(at)) for stage, writes in WRITES.items() for at in range(1, writes)]
    dice, step = random.Random(SEED), len(every) / count
    return [every[int((number + dice.random()) * step)] for number in range(count)]


@pytest.mark.full  # by default test_sweep.py kills it
@pytest.mark.parametrize("times", [4, 8])
def test_a_run_that_is_killed_again_and_again_goes_on(times: int, table: Path, tmp_path: Path) -> None:
    """Each time the whole group, at a later write of the workers; then it is let finish."""
    died = 0
    for stage, at in kills(times):
        code, told = etl(table, tmp_path, fault={"script": f"{stage}.py", "act": "group", "at": at})
        died += code == 1 and "SIGKILL" in told
        if code == 0:
            right(table, tmp_path)
    assert died >= times * 3 / 8
    assert etl(table, tmp_path)[0] == 0
    right(table, tmp_path)


@pytest.mark.full  # by default: test_large_pool.py
@pytest.mark.parametrize(("stage", "at"), [("extract", "3"), ("transform", "8"), ("load", "4")])
def test_one_worker_that_is_killed_is_survived_within_the_run(stage: str, at: str, table: Path, tmp_path: Path) -> None:
    struck = tmp_path / "struck"
    fault = {"script": f"worker of {stage}.py", "act": "kill", "at": at, "once": str(struck)}
    assert etl(table, tmp_path / "w", fault=fault)[0] == 0
    assert struck.exists()
    right(table, tmp_path / "w")


def test_what_lies_between_steps_of_a_run_that_nobody_goes_on_with_is_removed(table: Path, tmp_path: Path) -> None:
    code, _ = etl(table, tmp_path, fault={"script": "transform.py", "act": "group", "at": "15"})
    left = list((tmp_path / "results" / "work").iterdir())
    assert (code, len(left)) == (1, 1)
    other = large_table.write(tmp_path / "other.csv", 300, seed=5)
    assert etl(other, tmp_path)[0] == 0
    assert not left[0].exists()
    right(other, tmp_path)
