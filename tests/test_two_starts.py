"""Several starts at once, and an orchestrator that dies while its stage writes: never two writers, and nothing lost."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import pytest

from tests.orchestra import content, half_written, launch, table_options, write_table
from tests.project import PROJECT, run

TRACES = str(Path(__file__).resolve().parent / "traces")
HELD = "Another run holds the workspace"
Command = tuple[str, ...]  # a script and its options


def tracing(workspace: Path, name: str, **more: str) -> dict[str, str]:
    """Return the environment in which a run writes down what it writes."""
    return {"PYTHONPATH": TRACES, "TRACE_FILE": str(workspace.with_name("trace")), "TRACE_RUN": name, **more}


def at_once(workspace: Path, commands: Sequence[Command]) -> list[tuple[int, str]]:
    """Start the commands; each waits at a gate that opens for all together. Return exit codes and what was said."""
    shut, opens = os.pipe()
    try:
        started = [launch("--workspace", str(workspace), *options, script=PROJECT / script, pass_fds=(shut,),
                          env=tracing(workspace, f"run{at}", TRACE_GATE=str(shut)))
                   for at, (script, *options) in enumerate(commands)]
    finally:
        os.close(shut)
        os.close(opens)
    return [(process.returncode, told) for process, (_, told) in ((each, each.communicate(timeout=90))
                                                                   for each in started)]


def writers(workspace: Path) -> list[str]:
    """Return the runs in the order of their writes, each as often as it began to write: twice for two at once."""
    lines = [line.split(" ", 4) for line in workspace.with_name("trace").read_text(encoding="utf-8").splitlines()]
    return [name for name, _ in groupby(sorted(lines, key=lambda line: int(line[3])), key=lambda line: line[0])]


def one_writes(workspace: Path, ended: Sequence[tuple[int, str]]) -> None:
    """Hold that each command succeeded or was refused with 7, one at least succeeded, and no two wrote at once."""
    assert {code for code, _ in ended} <= {0, 7}, ended
    assert 0 in {code for code, _ in ended}, ended
    for code, told in ended:
        assert (HELD in told) is (code == 7), told
        assert "Traceback" not in told
    turns = writers(workspace)
    assert len(turns) == len(set(turns)), turns
    assert half_written(workspace) == []


def test_two_loads_at_once_five_times(finished: Path, undisturbed: Path) -> None:
    for _ in range(5):
        next((finished / "results/runs").glob("*/load.json")).unlink()
        one_writes(finished, at_once(finished, [("load.py",), ("load.py",)]))
        finished.with_name("trace").unlink()
        assert content(finished) == content(undisturbed)


@pytest.mark.full
def test_two_whole_runs_at_once(table: Path, undisturbed: Path, tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    one_writes(workspace, at_once(workspace, [("etl_process.py", *table_options(table))] * 2))
    assert content(workspace) == content(undisturbed)


@pytest.fixture(scope="module")
def orders(table: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Another table, and what the database holds after each of the two, and after both."""
    folder = tmp_path_factory.mktemp("orders")
    other = write_table(folder / "gdp.csv", first=950)
    held = []
    for name, tables in (("first", [table]), ("second", [other]), ("both", [table, other]), ("turned", [other, table])):
        for each in tables:
            assert run("etl_process.py", *table_options(each), workspace=folder / name).returncode == 0
        held.append(content(folder / name))
    return {"other": other, "held": held}


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(100))
def test_starts_at_once_a_hundred_times(seed: int, table: Path, orders: dict[str, object], tmp_path: Path) -> None:
    """Two of the same, two of different tables, three, and stages by hand beside; the first state is empty or full."""
    chance, workspace = random.Random(seed), tmp_path / "w"
    ours: Command = ("etl_process.py", *table_options(table))
    theirs: Command = ("etl_process.py", *table_options(Path(str(orders["other"]))))
    if seed % 2:
        assert run(*ours, workspace=workspace).returncode == 0
    beside: list[Command] = [("transform.py",), ("load.py", "--rebuild"), ("report.py", "--no-html")] * (seed % 2)
    commands = [ours, theirs, *chance.sample([ours, theirs, *beside], chance.randint(0, 2))]
    chance.shuffle(commands)
    one_writes(workspace, at_once(workspace, commands))
    assert content(workspace) in list(orders["held"])  # type: ignore[call-overload]
    for command in (ours, theirs):
        assert run(*command, workspace=workspace).returncode == 0
    assert content(workspace) in list(orders["held"])[2:]  # type: ignore[call-overload]


# --- the orchestrator is killed by its own stage ----------------------------------------------------------------------


def orphaned(workspace: Path, table: Path, script: str, at: int, *, deaf: bool) -> subprocess.CompletedProcess[str]:
    """Kill the orchestrator at the at-th write of a stage, and start a new run at once; returns that."""
    command = ("--workspace", str(workspace), *table_options(table))
    first = launch(*command, env=tracing(workspace, "first", TRACE_STRIKE=f"{script} {at}",
                                         **({"TRACE_DEAF": "1"} if deaf else {})))
    first.wait(60)
    done = run("etl_process.py", *table_options(table), workspace=workspace, env=tracing(workspace, "second"))
    first.communicate()
    assert first.returncode in (-9, 0)  # 0: the stage has fewer writes than that
    return done


def well(workspace: Path, done: subprocess.CompletedProcess[str], undisturbed: Path) -> None:
    assert done.returncode == 0, done.stderr
    assert writers(workspace) in (["first", "second"], ["first"])
    assert content(workspace) == content(undisturbed)
    assert half_written(workspace) == []


@pytest.mark.parametrize(("at", "deaf"), [(1, True), pytest.param(3, False, marks=pytest.mark.full)])
def test_an_orchestrator_killed_while_its_stage_loads(at: int, deaf: bool, table: Path, undisturbed: Path,
                                                      finished: Path) -> None:
    next((finished / "results/runs").glob("*/load.json")).unlink()
    well(finished, orphaned(finished, table, "load.py", at, deaf=deaf), undisturbed)


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(40))
def test_an_orchestrator_killed_while_any_stage_writes(seed: int, table: Path, undisturbed: Path,
                                                       tmp_path: Path) -> None:
    chance, workspace = random.Random(seed), tmp_path / "w"
    script = chance.choice(["extract.py", "transform.py", "load.py", "report.py"])
    done = orphaned(workspace, table, script, chance.randint(1, 8), deaf=bool(seed % 2))
    well(workspace, done, undisturbed)
    shutil.rmtree(workspace)
