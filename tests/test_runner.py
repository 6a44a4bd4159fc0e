"""The runner on small scripts in the place of stages: limits, signals, samples, hostile words, what is left behind."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from pipeline import runner
from pipeline.errors import ExitCode
from pipeline.events import Event
from pipeline.runner import Outcome, Runner, Signals
from tests.orchestra import alive, eventually

SAY = """
import json, os, sys, time, signal
def say(kind, text="", **fields):
    line = json.dumps({"kind": kind, "stage": "load", "text": text, "fields": fields, "time": 1.0})
    os.write(int(os.environ["WORLD_ECONOMIES_EVENTS_FD"]), (line + "\\n").encode())
"""


class Bench:
    """A runner whose stages are scripts of the test's, and what was heard."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.signals = Signals()
        monkeypatch.setattr(runner, "PROJECT", folder)
        self.heard: list[Event] = []
        self.samples: list[Event] = []

    def run(self, script: str, *arguments: str, limit: float = 20.0, **more: object) -> Outcome:
        (self.folder / "load.py").write_text(SAY + script, encoding="utf-8")
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT)
        try:
            return Runner(lock, self.heard.append, self.signals).run(
                "load", arguments, dict(os.environ), limit=limit, sample=self.samples.append, **more)  # type: ignore[arg-type]
        finally:
            os.close(lock)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


def test_events_reach_the_listener_in_order_and_the_last_is_the_result(bench: Bench) -> None:
    outcome = bench.run("say('started'); say('progress', done=5); say('finished', 'all', rows_out=7); sys.exit(0)")
    assert (outcome.code, outcome.result, outcome.killed_by, outcome.timed_out) == (0, {"rows_out": 7}, "", False)
    assert [event.kind for event in bench.heard] == ["started", "progress", "finished"]
    assert [event.kind for event in outcome.events] == ["started", "finished"]  # progress is shown and not kept
    assert outcome.peak_memory > 2**20
    assert 0 < outcome.seconds < 10


def test_words_that_are_no_events_are_passed_over(bench: Bench) -> None:
    outcome = bench.run("""
fd = int(os.environ["WORLD_ECONOMIES_EVENTS_FD"])
for junk in (b"\\xff\\xfe\\n", b"[]\\n", b"{}\\n", b'{"kind": 1}\\n', b"null\\n", b'"x"\\n'):
    os.write(fd, junk)
say("finished", "Türkiye " + "x" * 200_000, rows_out=1)
os.write(fd, b'{"kind": "note", "st')
""")
    assert [event.kind for event in bench.heard] == ["finished"]
    assert bench.heard[0].text.startswith("Türkiye x")
    assert outcome.result == {"rows_out": 1}


@pytest.mark.parametrize("code", [0, 1, 3, 4, 99])
def test_the_code_is_the_stages_own(code: int, bench: Bench) -> None:
    assert bench.run(f"sys.exit({code})").code == code


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGSEGV", "SIGABRT"])
def test_a_signal_that_ends_a_stage_is_named(name: str, bench: Bench) -> None:
    outcome = bench.run(f"signal.signal(signal.SIGTERM, signal.SIG_DFL); os.kill(os.getpid(), signal.{name})")
    assert (outcome.code, outcome.killed_by) == (ExitCode.FAULT, name)


def test_last_words_are_kept_and_bounded(bench: Bench) -> None:
    outcome = bench.run("sys.stderr.write('x' * 50_000 + '\\nthe last words\\n'); sys.exit(9)")
    assert outcome.stderr.endswith("\nthe last words\n")
    assert len(outcome.stderr) == 8_000


def test_a_stage_past_its_limit_is_asked_to_end(bench: Bench) -> None:
    outcome = bench.run("say('started'); time.sleep(20)", limit=0.3)
    assert (outcome.timed_out, outcome.killed_by) == (True, "SIGTERM")
    assert outcome.seconds < 3


def test_and_one_that_does_not_hear_is_ended(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "TERM_GRACE", 0.2)
    outcome = bench.run("signal.signal(signal.SIGTERM, signal.SIG_IGN); say('started'); time.sleep(20)", limit=0.5)
    assert (outcome.timed_out, outcome.killed_by) == (True, "SIGKILL")
    assert outcome.seconds < 5


def test_a_process_that_a_stage_leaves_behind_neither_holds_the_run_nor_lives_on(bench: Bench) -> None:
    outcome = bench.run("""
import subprocess
left = subprocess.Popen(["sleep", "60"], stderr=sys.stderr, pass_fds=[int(os.environ["WORLD_ECONOMIES_EVENTS_FD"])])
say("finished", left=left.pid)
os._exit(0)
""")
    assert outcome.code == 0
    assert outcome.seconds < 5
    eventually(lambda: not alive(outcome.result["left"]))


def test_memory_cpu_and_io_are_sampled(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "SAMPLE_SECONDS", 0.1)
    outcome = bench.run("ballast = b'x' * 50_000_000; time.sleep(0.8)")
    assert bench.samples
    most = max(sample.fields["memory"] for sample in bench.samples)  # the last may be of a process that is ending
    assert most > 50_000_000
    assert set(bench.samples[-1].fields) == {"memory", "cpu_seconds", "read_bytes", "written_bytes"}
    assert outcome.peak_memory >= most * 0.9


def test_a_stage_is_a_group_of_its_own_without_standard_input(bench: Bench) -> None:
    outcome = bench.run("say('finished', group=os.getpgid(0), pid=os.getpid(), read=sys.stdin.read())")
    assert outcome.result["group"] == outcome.result["pid"] != os.getpgid(0)
    assert outcome.result["read"] == ""


def test_no_descriptor_is_left_open(bench: Bench) -> None:
    bench.run("pass")
    before = len(os.listdir("/dev/fd"))  # noqa: PTH208  a folder that changes while it is read
    for _ in range(3):
        bench.run("pass")
    assert len(os.listdir("/dev/fd")) == before  # noqa: PTH208


def test_work_meanwhile_is_done_once_beside_the_stage(bench: Bench) -> None:
    done: list[float] = []
    bench.run("time.sleep(0.1)", meanwhile=lambda: done.append(time.monotonic()))
    assert len(done) == 1


# --- signals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("times", "killed_by"), [(1, "SIGTERM"), (2, "SIGKILL")])
def test_one_signal_asks_and_a_second_ends(times: int, killed_by: str, bench: Bench) -> None:
    def press() -> None:
        eventually(lambda: bench.heard)
        for _ in range(times):
            bench.signals(signal.SIGINT, None)

    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN)" if times == 2 else "pass"
    thread = threading.Thread(target=press)
    thread.start()
    outcome = bench.run(f"{deaf}; say('started'); time.sleep(20)")
    thread.join()
    assert outcome.killed_by == killed_by


def test_a_signal_before_a_stage_reaches_the_stage(bench: Bench) -> None:
    bench.signals.count = 1
    assert bench.run("say('started'); time.sleep(20)").killed_by == "SIGTERM"


def test_a_signal_ends_a_wait_and_a_second_one_the_run(bench: Bench) -> None:
    threading.Timer(0.05, bench.signals, (signal.SIGTERM, None)).start()
    begun = time.monotonic()
    assert bench.signals.wait(20) is False
    assert time.monotonic() - begun < 5
    with pytest.raises(KeyboardInterrupt):
        bench.signals(signal.SIGTERM, None)
    assert Signals().wait(0.01) is True
