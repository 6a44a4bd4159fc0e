"""What a process says of itself: the most memory it held."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.process import peak_memory
from utils import PROJECT

MIB = 2**20
SAY = "from pipeline.process import peak_memory; print(peak_memory(), flush=True); "
LINUX = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells this in /proc")


def said_by(code: str) -> int:
    return int(subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, check=True).stdout)


def test_memory_that_was_given_back_counts() -> None:
    assert 80 * MIB < said_by(f"held = b'x' * {80 * MIB}; del held; {SAY}") < 200 * MIB


@LINUX
def test_what_the_parent_held_before_does_not_count() -> None:
    parent = f"held = b'x' * {150 * MIB}; import subprocess, sys; subprocess.run([sys.executable, '-c', {SAY!r}])"
    assert MIB < said_by(parent) < 100 * MIB


@LINUX
def test_another_process_is_asked_by_its_number() -> None:
    code = f"{SAY} import sys; sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as child:
        assert child.stdin is not None and child.stdout is not None
        own = int(child.stdout.readline())
        assert own <= peak_memory(child.pid) < own + 20 * MIB
        child.stdin.close()
    assert peak_memory(child.pid) == 0
