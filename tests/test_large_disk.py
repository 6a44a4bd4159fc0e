"""A disk that fills on the way: exit 8 in words, the old databases whole, nothing half-made left, and it goes on."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import DiskFull, ExitCode
from tests import large_table
from tests.large_stages import run_stages
from tests.orchestra import environment, half_written
from tests.project import run

pytest.importorskip("polars", reason="the group `large` is not installed")
pytest.importorskip("adbc_driver_sqlite", reason="the group `large` is not installed")

OPTIONS = ("--engine", "polars", "--workers", "2", "--piece-size", "32K")
SAFE = ("nothing half-written is left; earlier results are as they were", "the databases of the regions are as they "
        "were", "every earlier result is as it was", "nothing was begun; every earlier result")


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with databases of an earlier table; copy it."""
    folder, patch = tmp_path_factory.mktemp("old"), pytest.MonkeyPatch()
    run_stages(patch, [large_table.write(folder / "old.csv", 300, seed=3)], folder / "w", "--engine", "pandas")
    patch.undo()
    return folder


@pytest.fixture
def workspace(old: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(old / "w", tmp_path / "w"))


@pytest.fixture(scope="module")
def table(old: Path) -> Path:
    return large_table.write(old / "new.csv", 4_000, unknown=20)


@pytest.fixture
def small_disk() -> Iterator[list[Path]]:
    """Folders that the test mounts, each on a disk of its own; unmounted at the end."""
    mounted: list[Path] = []
    yield mounted
    for place in mounted:
        subprocess.run(["umount", str(place)], check=True)


def mount(place: Path, size: str, mounted: list[Path]) -> None:
    """Put a folder on a disk of its own; size: "64K", or of pages that are free in it, "+4"."""
    place.mkdir(parents=True, exist_ok=True)
    kept = {path.relative_to(place): path.read_bytes() for path in place.rglob("*") if path.is_file()}
    if size.startswith("+"):
        pages = sum(-(-len(data) // 4096) for data in kept.values()) + int(size)
        size = f"{4 * pages}K"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], capture_output=True,
                          check=False)
    if done.returncode:
        pytest.skip("this user may not mount a small disk")
    mounted.append(place)
    for name, data in kept.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)


def whole(workspace: Path, old: Path) -> bool:
    """Tell whether the databases are those of the earlier table, and nothing half-made lies about."""
    return large_table.held(workspace) == large_table.expected(old / "old.csv")[0] and half_written(workspace) == []


# What the folder takes: staged 336 KiB, work 340 in transform and 440 in load, clean 210, the quarantine 20.
@pytest.mark.parametrize(("folder", "size"), [
    ("results/staged", "300K"), ("results/work", "200K"), ("results/clean", "100K"), ("results/runs", "+1"), *(
        pytest.param(*each, marks=pytest.mark.full) for each in (
            ("results/staged", "60K"), ("results/work", "8K"), ("results/work", "360K"),
            ("results/quarantine", "16K")))])
def test_a_disk_that_fills_up(folder: str, size: str, table: Path, old: Path, workspace: Path, small_disk: list[Path],
                              monkeypatch: pytest.MonkeyPatch) -> None:
    mount(workspace / folder, size, small_disk)
    with pytest.raises(DiskFull) as caught:
        run_stages(monkeypatch, [table], workspace, *OPTIONS)
    assert caught.value.what.startswith("The disk is full")
    assert caught.value.safe in SAFE
    assert whole(workspace, old)
    subprocess.run(["mount", "-o", "remount,size=100M", str(workspace / folder)], check=True)
    run_stages(monkeypatch, [table], workspace, *OPTIONS)
    assert large_table.held(workspace) == large_table.expected(table)[0]
    assert half_written(workspace) == []


def test_databases_on_a_disk_of_their_own_that_is_full(table: Path, old: Path, workspace: Path, small_disk: list[Path],
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in the databases' folder is made on another disk then, and has to be brought there."""
    mount(workspace / "sqliteDB", "500K", small_disk)
    with pytest.raises(DiskFull):
        run_stages(monkeypatch, [table], workspace, *OPTIONS)
    assert whole(workspace, old)
    subprocess.run(["mount", "-o", "remount,size=100M", str(workspace / "sqliteDB")], check=True)
    run_stages(monkeypatch, [table], workspace, *OPTIONS)
    assert large_table.held(workspace) == large_table.expected(table)[0]
    assert half_written(workspace) == []


@pytest.mark.full  # by default: test_large_pool.py and test_orchestrator.py
@pytest.mark.parametrize(("script", "at"), [
    ("worker of extract.py", "4"), ("worker of transform.py", "7"), ("worker of load.py", "3")])
def test_a_worker_that_meets_a_full_disk_says_so(script: str, at: str, table: Path, old: Path,
                                                 workspace: Path) -> None:
    arguments = ("--source", "table", "--input", str(table), "--target", "regions", "--no-html", *OPTIONS)
    done = run("etl_process.py", *arguments, workspace=workspace,
               env=environment({"script": script, "act": "full", "at": at}))
    assert done.returncode == ExitCode.DISK_FULL, done.stderr
    assert "The disk is full" in done.stderr
    assert "Traceback" not in done.stderr
    assert whole(workspace, old)
    again = run("etl_process.py", *arguments, workspace=workspace)
    assert again.returncode == 0, again.stderr
    assert large_table.held(workspace) == large_table.expected(table)[0]
