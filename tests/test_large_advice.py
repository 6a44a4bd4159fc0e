"""What a failed run of a large table says: where, and the next command, which is right when typed as it stands."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import DiskFull
from tests import large_table, orchestra
from tests.orchestra import environment
from tests.project import manifest, run
from utils import Workspace

pytest.importorskip("polars", reason="the group `large` is not installed")
pytest.importorskip("adbc_driver_sqlite", reason="the group `large` is not installed")

BRANCHES = "country,year,branch,gdp\nFrance,2024,1,1000\nFrance,2024,2,5000\n"


def etl(table: Path, workspace: Path, *more: str, script: str = "etl_process.py", **keywords: dict[str, str]
        ) -> subprocess.CompletedProcess[str]:
    return run(script, "--source", "table", "--input", str(table), "--target", "regions", *more,
               workspace=workspace, **keywords)


def next_command(told: str) -> str:
    """Return the command behind "next:", of a run or of a stage alone."""
    return next(line.strip().removeprefix("next:").strip() for line in told.splitlines() if line.startswith("  next:"))


@pytest.fixture
def branches(tmp_path: Path) -> Path:
    """A table that does not say its unit, in a folder of its own with a space in its name."""
    (tmp_path / "my tables").mkdir()
    path = tmp_path / "my tables" / "branches.csv"
    path.write_text(BRANCHES, encoding="utf-8")
    return path


@pytest.mark.parametrize("script", [pytest.param("etl_process.py", marks=pytest.mark.full), "extract.py"])
@pytest.mark.parametrize(("options", "advice"), [
    ((), "--unit billion"),
    (("--unit", "million", "--workers", "100"), "--workers 7"),
    (("--unit", "million", "--workers", "2", "--memory", "100M"), "--memory 312M"),
    (("--unit", "million", "--workers", "2", "--piece-size", "64M"), "--piece-size 24320K"),
    (("--unit", "million", "--key", "nope"), "--key branch,country,year"),
], ids=["unit", "workers", "memory", "piece", "key"])
def test_the_option_that_is_advised_makes_it_work(script: str, options: tuple[str, ...], advice: str, branches: Path,
                                                  tmp_path: Path) -> None:
    refused = etl(branches, tmp_path / "w", *options, script=script)
    assert refused.returncode == 2
    command = next_command(refused.stderr)
    assert shlex.split(command, comments=True)[-2:] == advice.split()
    done = orchestra.typed(command)
    assert done.returncode == 0, done.stderr


def test_sizes_reach_the_stages_as_they_were_meant(branches: Path, tmp_path: Path) -> None:
    done = etl(branches, tmp_path, "--unit", "million", "--memory", "4T", "--piece-size", "100G")
    assert done.returncode == 0, done.stderr


def test_a_file_is_named_where_it_lies(branches: Path, tmp_path: Path) -> None:
    branches.write_text("country,year,gdp_usd_million\n", encoding="utf-8")
    refused = etl(branches, tmp_path / "w", script="extract.py")
    assert f"where: {branches}\n" in refused.stderr
    assert f"next:  head -5 '{branches}'\n" in refused.stderr


@pytest.mark.parametrize("other", [("--key", "country,year,branch"), *(
    pytest.param(each, marks=pytest.mark.full) for each in (("--unit", "billion"), ("--dataset", "others")))],
                         ids=["key", "unit", "dataset"])
def test_a_run_is_not_gone_on_with_by_other_options(other: tuple[str, ...], branches: Path, tmp_path: Path) -> None:
    first = ("--unit", "million", "--key", "country,year")
    assert etl(branches, tmp_path / "w", *first, script="extract.py").returncode == 0
    refused = etl(branches, tmp_path / "w", *first, *other, "--from", "transform")
    assert (refused.returncode, "There is no run of --source table with these files and options" in refused.stderr) == (
        2, True), refused.stderr
    command = next_command(refused.stderr)
    assert "--from" not in command
    assert orchestra.typed(command).returncode == 0
    again = etl(branches, tmp_path / "w", *first, *other, "--from", "transform")
    assert again.returncode == 0, again.stderr


def test_a_stage_alone_names_the_table_that_is_to_be_staged_again(branches: Path, tmp_path: Path) -> None:
    done = etl(branches, tmp_path / "w", "--unit", "million", "--key", "country,year", script="extract.py")
    assert done.returncode == 0, done.stderr
    piece = tmp_path / "w" / manifest(tmp_path / "w", "extract")["parts"][0]["relative_path"]
    data = piece.read_bytes()
    for damaged in (data[:-1] + b"?", b""):  # found by the engine, and by its size
        piece.write_bytes(damaged)
        refused = run("transform.py", workspace=tmp_path / "w")
        assert refused.returncode == 5, refused.stderr
        assert ("next:  python extract.py --source table --input branches.csv --target regions --unit million "
                f"--key country,year --workspace {tmp_path / 'w'}   # files by their names") in refused.stderr


def test_a_worker_that_dies_twice_says_what_to_try(tmp_path: Path) -> None:
    table = large_table.write(tmp_path / "big.csv", 400)
    fault = environment({"script": "worker of extract.py", "act": "kill", "at": "1"})
    failed = etl(table, tmp_path / "w", "--engine", "polars", "--workers", "1", env=fault)
    assert failed.returncode == 1
    assert "was ended by SIGKILL, twice, at the step" in failed.stderr
    assert "hint:  the same command goes on; where memory ran out, with --workers 1 or a smaller" in failed.stderr
    assert "please report it" not in failed.stderr


def test_a_path_that_is_no_folder_is_named_by_workers_without_a_traceback(tmp_path: Path) -> None:
    table = large_table.write(tmp_path / "big.csv", 400)
    blocked = tmp_path / "w" / "results" / "work"
    blocked.parent.mkdir(parents=True)
    blocked.write_text("mine")
    failed = etl(table, tmp_path / "w", "--engine", "polars", "--workers", "1")
    assert (failed.returncode, "Traceback" in failed.stderr) == (2, False), failed.stderr
    assert f"where: {blocked}/" in failed.stderr
    command = next_command(failed.stderr)
    assert command.endswith("--from transform")
    blocked.unlink()
    assert orchestra.typed(command).returncode == 0


def test_rows_that_cannot_be_read_are_told_with_their_lines(tmp_path: Path) -> None:
    table = tmp_path / "open.csv"
    rows = [f"France,2024,pipe {number},1000\n" for number in range(9_000)]
    rows[10] = 'France,2024,"pipe,1000\n'
    table.write_text("country,year,note,gdp_usd_million\n" + "".join(rows), encoding="utf-8")
    done = etl(table, tmp_path / "w")
    assert done.returncode == 0, done.stderr
    assert "1 row(s) cannot be read and are in quarantine, the first at open.csv line 12 to " in done.stderr
    assert "is read by one process: it has a quote that is never closed" in done.stderr


def test_a_share_of_a_history_is_refused(tmp_path: Path) -> None:
    refused = run("etl_process.py", "--source", "bundled", "--sample", "1%", workspace=tmp_path)
    assert (refused.returncode, "--sample goes with --source table and --target regions" in refused.stderr) == (2, True)


def test_other_commands_are_named_for_the_same_place(branches: Path, tmp_path: Path) -> None:
    missing = run("report.py", "--target", "regions", "--sample", "10", workspace=tmp_path)
    assert f"--target regions --workspace {tmp_path} --sample 10\n" in missing.stderr
    options = ("--unit", "million", "--sample", "10")
    assert etl(branches, tmp_path, *options).returncode == 0
    nothing = etl(branches, tmp_path, *options)
    assert f"python report.py --target regions --workspace {tmp_path} --sample 10 shows the tables" in (
        nothing.stdout + nothing.stderr)


def test_what_a_killed_attempt_staged_needs_no_room_again(branches: Path, tmp_path: Path,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    from large import extract_steps
    from sources import Request

    table = extract_steps.opened(Request("table", (branches,)), "")
    table.digests = ["a digest"]
    stage: Any = SimpleNamespace(workspace=Workspace(tmp_path / "w"))
    free = 6 * len(BRANCHES) - 100
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    with pytest.raises(DiskFull):
        extract_steps.require_space(table, stage)
    staged = tmp_path / "w" / extract_steps.staged_folder(table)
    staged.mkdir(parents=True)
    (staged / "000000.arrow").write_bytes(bytes(100))
    extract_steps.require_space(table, stage)
