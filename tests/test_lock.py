"""One run at a time: the holder is named, who comes second changes nothing, a killed run is cleared away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import lock
from pipeline.errors import UsageError, WorkspaceLocked
from tests.orchestra import etl, tree
from tests.project import PROJECT, run
from utils import Workspace

HOLDER = """
import sys; sys.path.insert(0, {project!r}); sys.argv[0] = "load.py"
from pathlib import Path
from pipeline import lock; from utils import Workspace
with lock.hold(Workspace(Path({workspace!r}))):
    print("held", flush=True); sys.stdin.read()
"""


def holder(workspace: Path) -> subprocess.Popen[str]:
    """Start a process that holds the workspace until its standard input closes."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER.format(project=str(PROJECT), workspace=str(workspace))],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_holder_is_refused_naming_the_first(tmp_path: Path) -> None:
    first = holder(tmp_path)
    with pytest.raises(WorkspaceLocked, match=rf"load\.py, process {first.pid}, since 20\d\d-"), \
            lock.hold(Workspace(tmp_path), wait=0.1):
        pass
    first.communicate("")
    with lock.hold(Workspace(tmp_path), wait=0) as descriptor:
        assert json.loads(os.pread(descriptor, 500, 0))["pid"] == os.getpid()


@pytest.mark.parametrize("script", ["etl_process.py", "extract.py", "transform.py", "load.py", "report.py"])
def test_a_second_run_and_each_stage_by_hand_exit_7(script: str, table: Path, finished: Path) -> None:
    first = holder(finished)
    before = {name: found for name, found in tree(finished).items() if not name.startswith("log/")}
    if script in ("etl_process.py", "extract.py"):
        done = etl(table, finished, "--fresh", script=script)
    else:
        done = run(script, workspace=finished)
    assert done.returncode == 7, done.stderr
    assert f"Another run holds the workspace: load.py, process {first.pid}" in done.stderr
    assert before == {name: found for name, found in tree(finished).items() if not name.startswith("log/")}
    first.communicate("")


def test_looking_needs_no_lock(finished: Path) -> None:
    first = holder(finished)
    for option in ("--status", "--dry-run"):
        assert run("etl_process.py", option, workspace=finished).returncode == 0
    first.communicate("")


def test_a_child_finds_the_lock_in_its_inheritance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with lock.hold(Workspace(tmp_path)) as descriptor:
        monkeypatch.setenv(lock.LOCK_FD, str(descriptor))
        with lock.hold(Workspace(tmp_path), wait=0) as inherited:
            assert inherited == descriptor
        (tmp_path / "other").mkdir()
        with lock.hold(Workspace(tmp_path / "other"), wait=0) as other:
            assert other != descriptor  # another workspace is another lock
    for stale in ("9999", "x"):
        monkeypatch.setenv(lock.LOCK_FD, stale)
        with lock.hold(Workspace(tmp_path), wait=0):
            pass


def test_half_written_files_of_a_killed_run_are_removed_and_no_others(tmp_path: Path) -> None:
    first = holder(tmp_path)
    first.kill()
    first.communicate()
    for name in ("results/staged/.part.csv-ab12_xyz.tmp", "sqliteDB/.World_Economies-abcdefgh.tmp",
                 "sqliteDB/.World_Economies-abcdefgh.tmp-journal", "results/.mine.tmp", "sqliteDB/mine.db"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    with lock.hold(Workspace(tmp_path)):
        assert sorted(tree(tmp_path)) == ["results/.lock", "results/.mine.tmp", "sqliteDB/mine.db"]


def test_a_lock_that_was_released_sweeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with lock.hold(Workspace(tmp_path)):
        pass
    monkeypatch.setattr(lock, "sweep", lambda workspace: pytest.fail("swept"))
    with lock.hold(Workspace(tmp_path)):
        pass


def test_a_workspace_that_cannot_hold_the_lock_is_named(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file where the folder should be")
    with pytest.raises(UsageError, match="cannot be written"), lock.hold(Workspace(tmp_path)):
        pass


@pytest.mark.parametrize("content", [b"", b"half {", b"[]", b'{"pid": 1}'])
def test_an_unreadable_signature_is_no_obstacle(content: bytes, tmp_path: Path) -> None:
    first = holder(tmp_path)
    (tmp_path / "results/.lock").write_bytes(content)
    with pytest.raises(WorkspaceLocked, match="its process is unknown"), lock.hold(Workspace(tmp_path), wait=0):
        pass
    first.communicate("")
