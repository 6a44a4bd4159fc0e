"""Worker processes: tasks, answers, failures, and workers that are killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from large.pool import Pool, Task, TaskFault, WorkerDied
from pipeline.errors import CheckpointError, DiskFull
from utils import PROJECT


def task(name: str, **arguments: object) -> Task:
    return Task(f"tests.pool_tasks:{name}", arguments)


def test_tasks_are_answered_in_their_order_whatever_order_they_end_in() -> None:
    with Pool(2) as pool:
        assert pool.all([task("add", one=n, other=10) for n in range(20)]) == [n + 10 for n in range(20)]
        assert pool.peak_memory > 5_000_000


def test_workers_are_processes_of_one_thread_and_gone_at_the_end() -> None:
    with Pool(2) as pool:
        found = set(pool.all([task("process")] * 8))
        assert os.getpid() not in found
        assert len(found) <= 2
        assert pool.all([task("threads")]) == [{"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}]
    for process in found:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_a_folder_of_the_same_name_where_the_command_was_typed_is_none_of_ours(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "large").mkdir()
    (tmp_path / "large" / "__init__.py").write_text("raise SystemExit(9)\n")
    monkeypatch.chdir(tmp_path)
    with Pool(1) as pool:
        assert pool.all([task("add", one=1, other=2)]) == [3]


def test_without_workers_everything_is_done_in_this_process() -> None:
    with Pool(0) as pool:
        assert pool.all([task("process"), task("add", one=1, other=2)]) == [os.getpid(), 3]


def test_a_worker_that_is_killed_is_replaced_and_its_task_done(tmp_path: Path) -> None:
    heard: list[str] = []
    with Pool(2, warn=heard.append) as pool:
        told = pool.all([task("die_once", mark=str(tmp_path / "mark")), *[task("add", one=1, other=1)] * 4])
    assert told == ["done", 2, 2, 2, 2]
    assert heard == ["a worker process was ended by SIGKILL at the step die once; another does the same piece again"]


def test_a_task_that_kills_two_workers_fails_in_words() -> None:
    with pytest.raises(WorkerDied, match="was ended by SIGKILL, twice, at the step die") as caught, Pool(1) as pool:
        pool.all([task("die")])
    assert "--workers 1" in caught.value.next_command


def test_failures_of_ours_come_back_as_they_were() -> None:
    with pytest.raises(CheckpointError) as caught, Pool(1) as pool:
        pool.all([task("refuse")])
    assert caught.value.lines() == ["It is gone", "where: here", "safe:  all", "next:  python extract.py"]


def test_a_full_disk_has_its_own_name() -> None:
    with pytest.raises(DiskFull) as caught, Pool(1) as pool:
        pool.all([task("fill_the_disk")])
    assert caught.value.where == "/some/file"


def test_what_nobody_foresaw_brings_its_traceback() -> None:
    with pytest.raises(TaskFault, match="KeyError: 'nobody foresaw it'") as caught, Pool(1) as pool:
        pool.all([task("stumble")])
    assert str(caught.value) == "KeyError: 'nobody foresaw it'"
    assert 'in stumble\n    raise KeyError("nobody foresaw it")' in caught.value.__notes__[0]


def test_a_listener_that_stops_leaves_a_pool_that_works() -> None:
    with Pool(2) as pool:
        for _ in pool.run([task("add", one=n, other=0) for n in range(50)]):
            break
        assert pool.all([task("add", one=5, other=6)]) == [11]


def test_workers_die_with_the_process_that_launched_them() -> None:
    code = (f"import os, sys; sys.path.insert(0, {os.fspath(PROJECT)!r})\nfrom large.pool import Pool, Task\n"
            "with Pool(1) as pool:\n    print(pool.all([Task('tests.pool_tasks:process', {})])[0], flush=True)\n"
            "    os.kill(os.getpid(), 9)\n")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -9
    worker = int(done.stdout)
    subprocess.run(["timeout", "5", "tail", f"--pid={worker}", "-f", "/dev/null"], check=True)
