"""Readers, each a process of its own, beside many loads: whole states only, also of a writer that was killed."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.loading import load_all
from tests.project import PROJECT
from tests.reading import KINDS
from utils import Workspace

pytest.importorskip("pyarrow", reason="the lake needs it")
linux = pytest.mark.skipif(sys.platform != "linux", reason="a folder that is open is read by /proc")
pytestmark = linux


def process(module: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a module of the tests."""
    return subprocess.Popen([sys.executable, "-m", f"tests.{module}", *map(str, arguments)], cwd=PROJECT,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")


def told(readers: dict[str, subprocess.Popen[str]]) -> dict[str, dict[str, object]]:
    """Close the readers' standard input, and return what each says."""
    for reader in readers.values():
        assert reader.stdin is not None
        reader.stdin.close()
        reader.stdin = None
    found = {}
    for kind, reader in readers.items():
        said, failed = reader.communicate(timeout=60)
        assert reader.returncode == 0, failed
        found[kind] = json.loads(said)
    return found


def whole(found: dict[str, dict[str, object]], last: int, states: int) -> None:
    """Hold that no reader met anything wrong, that each saw the last state, and the database several of them."""
    print(found)
    for kind, each in found.items():
        assert each["faults"] == [], kind
        assert each["last"] == [last], kind
    seen = found["database"]["states"]
    assert isinstance(seen, int) and seen >= states


def beside(workspace: Path, kinds: Sequence[str], loads: int, states: int) -> None:
    """Let readers poll while a process loads so many times, and hold that they saw whole states only."""
    less = [] if "lake" in kinds else ["database"]
    load_all(Workspace(workspace), 1, only_database=bool(less))
    readers = {kind: process("reading", kind, workspace) for kind in kinds}
    writer = process("loading", workspace, 2, loads, *less)
    _, failed = writer.communicate(timeout=600)
    assert writer.returncode == 0, failed
    whole(told(readers), loads, states)


def test_readers_beside_20_loads_see_whole_states_only(tmp_path: Path) -> None:
    beside(tmp_path, ("database", "package", "picture", "page"), 20, 2)


@pytest.mark.chaos
def test_readers_beside_200_loads_see_whole_states_only(tmp_path: Path) -> None:
    beside(tmp_path, tuple(KINDS), 200, 20)


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(4))
def test_readers_beside_writers_that_are_killed(seed: int, tmp_path: Path) -> None:
    """Each writer is killed after a moment, and the next goes on: the readers open read-only and see nothing of it."""
    chance, at = random.Random(seed), 1
    load_all(Workspace(tmp_path), 1)
    readers = {kind: process("reading", kind, tmp_path) for kind in KINDS if kind != "package"}
    for _ in range(15):
        writer = process("loading", tmp_path, at, at + 50)
        assert writer.stdout is not None and int(writer.stdout.readline()) == at  # it is at work
        timer = threading.Timer(chance.uniform(0, 1.0), writer.kill)
        timer.start()
        writer.communicate(timeout=60)
        timer.join()
        left = sorted(path.name for path in (tmp_path / "sqliteDB").glob("World_Economies.db*"))
        assert left == ["World_Economies.db"]  # no -journal, no -wal: who may only read has nothing to roll back
        at = KINDS["database"](tmp_path)  # the first that is loaded: no other is ahead of it
    load_all(Workspace(tmp_path), at)
    load_all(Workspace(tmp_path), at + 1)
    whole(told(readers), at + 1, 5)
