"""Signals on real processes: Ctrl-C and SIGTERM reach the stage, a second one ends it, no stage outlives the run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path

import pytest

from tests.orchestra import alive, children, environment, etl, eventually, launch, typed
from tests.server import Answer, Server

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
pytestmark = linux


@pytest.fixture
def slow() -> Iterator[Server]:
    """A server that takes a request and says nothing until the test is over."""
    over = threading.Event()

    def wait(stream: BufferedIOBase) -> None:
        over.wait(30)

    with Server() as server:
        server.routes["/imf/.NGDPD.A"] = Answer(by_hand=wait)
        yield server
        over.set()


def start(server: Server, workspace: Path, fault: dict[str, str] | None = None) -> tuple[subprocess.Popen[str], int]:
    """Start a run whose extract hangs in a request; returns the orchestrator and the stage's process id."""
    process = launch("--source", "imf", "--url", f"{server.url}/imf", "--indicator", "NGDPD", "--workspace",
                     str(workspace), "--retries", "0", env=environment(fault))
    eventually(lambda: server.asked)
    (stage,) = children(process.pid)
    assert os.getpgid(stage) == stage != os.getpgid(process.pid)
    return process, stage


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_signal_reaches_the_stage_and_the_run_says_how_to_go_on(
        number: signal.Signals, slow: Server, tmp_path: Path) -> None:
    process, stage = start(slow, tmp_path)
    process.send_signal(number)
    _, told = process.communicate(timeout=10)
    assert process.returncode == 130
    assert not alive(stage)
    assert "extract failed (exit 130). Interrupted." in told
    assert "Traceback" not in told
    assert f"--workspace {tmp_path}" in told.strip().splitlines()[-1]
    log = (tmp_path / "log/etl_project_log.txt").read_text(encoding="utf-8")
    assert "ERROR extract" in log
    assert "ERROR etl_process" in log


def test_a_second_signal_ends_a_stage_that_does_not_hear(slow: Server, tmp_path: Path) -> None:
    process, stage = start(slow, tmp_path, {"script": "extract.py", "act": "deaf"})
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    assert alive(stage)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=5)
    assert process.returncode == 130
    assert not alive(stage)
    assert "Interrupted." in told


def test_a_stage_killed_by_a_signal_is_named_with_it(slow: Server, tmp_path: Path) -> None:
    process, stage = start(slow, tmp_path)
    os.kill(stage, signal.SIGSEGV)
    _, told = process.communicate(timeout=10)
    assert process.returncode == 1
    assert "extract failed (exit 1). Its process was ended by SIGSEGV." in told


@pytest.mark.parametrize("fault", [None, "deaf", "alone"], ids=["as it is", "SIGTERM unheard", "no help of the kernel"])
def test_a_stage_dies_with_the_orchestrator_and_the_workspace_is_free(
        fault: str | None, slow: Server, table: Path, tmp_path: Path) -> None:
    process, stage = start(slow, tmp_path, {"script": "extract.py", "act": fault} if fault else None)
    process.kill()
    process.communicate()
    begun = time.monotonic()
    done = etl(table, tmp_path, "--only", "extract")  # waits for the orphan, 2 s at most
    assert done.returncode == 0, done.stderr
    assert not alive(stage)
    assert time.monotonic() - begun < 4


def test_an_orphan_is_gone_within_a_second(slow: Server, tmp_path: Path) -> None:
    process, stage = start(slow, tmp_path)
    process.kill()
    begun = time.monotonic()
    eventually(lambda: not alive(stage), 3)
    assert time.monotonic() - begun < 1.5
    process.communicate()


def test_a_stage_run_by_hand_ends_cleanly_at_the_first_signal(slow: Server, tmp_path: Path) -> None:
    project = Path(__file__).resolve().parent.parent
    process = launch("--source", "imf", "--url", f"{slow.url}/imf", "--indicator", "NGDPD", "--workspace",
                     str(tmp_path), script=project / "extract.py")
    eventually(lambda: slow.asked)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=5)
    assert process.returncode == 130
    assert "Traceback" not in told
    assert "extract failed (exit 130)" in told


def test_a_terminal_that_stops_background_writers_stops_no_stage(table: Path, tmp_path: Path) -> None:
    """Under `stty tostop` a stage, a background group of its own, would hang at its first line on the terminal."""
    import pty

    main, terminal = pty.openpty()
    subprocess.run(["stty", "tostop", "cols", "100"], stdin=terminal, check=True)
    process = launch("--workspace", str(tmp_path), "--source", "table", "--input", str(table), "--unit", "billion",
                     stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True, env={"TERM": "xterm"})
    os.close(terminal)
    said = b""
    while True:
        try:
            data = os.read(main, 65_536)
        except OSError:  # the last writer has gone
            break
        if not data:
            break
        said += data
    assert process.wait(10) == 0
    assert "Türkiye" in said.decode()
    os.close(main)


def test_the_command_after_an_interruption_works(slow: Server, table: Path, tmp_path: Path) -> None:
    process, _ = start(slow, tmp_path)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=10)
    command = told.strip().splitlines()[-1].strip().removeprefix("next:").strip()
    assert "--indicator NGDPD" in command
    again = typed(command + " --timeout 0.3 --stage-retries 0")
    assert again.returncode == 4, again.stderr
