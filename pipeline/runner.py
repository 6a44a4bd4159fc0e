"""Launches stages as processes of their own and watches them: events, limits, signals, memory.

Each stage is a process group of its own, inherits the workspace's lock, sends its events through a pipe, and dies when
this process does.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from pipeline import lock, process
from pipeline.errors import ExitCode
from pipeline.events import EVENTS_FD, FAILED, FINISHED, SAMPLE, SKIPPED, Event, Listener
from utils import PROJECT

SAMPLE_SECONDS = 1.0
TERM_GRACE = 5.0  # seconds a stage past its limit has to end by itself
_LINGER = 0.5  # seconds a dead stage's pipes may stay open: a process of its own may hold them for ever
_STDERR_KEPT = 8_000  # characters of a crashed stage's own words kept for the log


@dataclass
class Outcome:
    """How a stage ended.

    code: its exit code; killed_by: the signal's name where one ended it; timed_out: it ran past its limit.
    peak_memory: bytes; cpu_seconds: user and system; read_bytes, written_bytes: of storage.
    events: what it said, progress and samples left out.
    """

    stage: str
    code: int
    killed_by: str = ""
    timed_out: bool = False
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    read_bytes: int = 0
    written_bytes: int = 0
    events: list[Event] = field(default_factory=list)
    stderr: str = ""

    def last(self, *kinds: str) -> Event | None:
        """Return the last event of one of these kinds."""
        return next((event for event in reversed(self.events) if event.kind in kinds), None)

    @property
    def result(self) -> dict[str, Any]:
        """The fields of the event that ended the stage: rows, cause, run."""
        event = self.last(FINISHED, SKIPPED, FAILED)
        return event.fields if event else {}

    def measured(self) -> dict[str, Any]:
        """Return seconds, memory and I/O for the log and the summary."""
        return {"exit_code": self.code, "killed_by": self.killed_by, "seconds": round(self.seconds, 3),
                "cpu_seconds": round(self.cpu_seconds, 3),
                "peak_memory": self.peak_memory + int(self.result.get("workers_memory", 0)),
                "read_bytes": self.read_bytes, "written_bytes": self.written_bytes}


class Signals:
    """Passes Ctrl-C and SIGTERM on to the stage at work; a second one ends it."""

    def __init__(self) -> None:
        self.count = 0
        self.child = 0
        self._passed_on = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """Only count and pass on: nothing is written or logged in a signal handler."""
        self.count += 1
        if self.child:
            self._pass_on()
        elif self.count > 1:
            raise KeyboardInterrupt  # no stage is at work: the second one ends what this process does itself

    def adopt(self, child: int) -> None:
        """Pass signals on to this process group from now on, one that came while it was being launched too."""
        self.child, self._passed_on = child, False
        if self.count and not self._passed_on:
            self._pass_on()

    def release(self) -> None:
        """Pass nothing on: the stage is gone."""
        self.child = 0

    def _pass_on(self) -> None:
        self._passed_on = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.child, signal.SIGTERM if self.count == 1 else signal.SIGKILL)

    def install(self) -> None:
        """Take SIGINT and SIGTERM."""
        signal.signal(signal.SIGINT, self)
        signal.signal(signal.SIGTERM, self)

    def wait(self, seconds: float) -> bool:
        """Wait; returns False as soon as a signal has come."""
        deadline = time.monotonic() + seconds
        while not self.count and time.monotonic() < deadline:
            time.sleep(min(0.1, max(deadline - time.monotonic(), 0)))
        return not self.count


class Runner:
    """Runs one stage at a time.

    lock_fd: the descriptor that holds the workspace; listener: hears events.
    """

    def __init__(self, lock_fd: int, listener: Listener, signals: Signals) -> None:
        self.lock_fd = lock_fd
        self.listener = listener
        self.signals = signals

    def run(self, stage: str, arguments: Sequence[str], environment: Mapping[str, str], *, limit: float,
            sample: Callable[[Event], None], meanwhile: Callable[[], None] | None = None) -> Outcome:
        """Run a stage to its end and return how it ended.

        environment: what it inherits; limit: seconds it may take; sample: hears its memory, CPU and I/O once a second;
        meanwhile: called once when the stage has been launched, for work of this process that need not wait.
        """
        begun = time.monotonic()
        with _Pipe() as events, _Pipe() as life:
            child = self._launch(stage, arguments, environment, events.write, life.read)
            try:
                events.close_write()
                self.signals.adopt(child.pid)
                if meanwhile:
                    meanwhile()
                outcome = _Watch(stage, child, events.read, self.listener, limit, sample).until_end()
            except BaseException:  # of this process, not of the stage, which must not outlive it
                _end(child)
                raise
            finally:
                self.signals.release()
        outcome.seconds = time.monotonic() - begun
        return outcome

    def _launch(self, stage: str, arguments: Sequence[str], environment: Mapping[str, str], events_out: int,
                life_in: int) -> subprocess.Popen[bytes]:
        inherited = {**environment, lock.LOCK_FD: str(self.lock_fd), EVENTS_FD: str(events_out),
                     process.PARENT_FD: str(life_in), process.PARENT_PID: str(os.getpid())}
        return subprocess.Popen(
            [sys.executable, os.fspath(PROJECT / f"{stage}.py"), *arguments], env=inherited,
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, pass_fds=(self.lock_fd, events_out, life_in),
            process_group=0)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Let a stage end cleanly, or end it, and collect it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.communicate(timeout=TERM_GRACE)
            return


class _Watch:
    """Listens to one child until it is gone."""

    def __init__(self, stage: str, child: subprocess.Popen[bytes], events_in: int, listener: Listener, limit: float,
                 sample: Callable[[Event], None]) -> None:
        self.stage, self.child, self.listener, self.sample = stage, child, listener, sample
        self.events_in = events_in
        self.deadline = time.monotonic() + limit
        self.outcome = Outcome(stage, 0)
        self.rest = {"events": b"", "stderr": b""}
        self.probe = _Probe(stage, child.pid)
        self.ended = 0.0  # when the child was found dead; its pipes may still hold its last words

    def until_end(self) -> Outcome:
        """Read both pipes until the child closes them, collect it, and end what it may have left behind."""
        assert self.child.stderr is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.events_in, selectors.EVENT_READ, "events")
            selector.register(self.child.stderr.fileno(), selectors.EVENT_READ, "stderr")
            while selector.get_map() and not (self._gone() and time.monotonic() - self.ended > _LINGER):
                for key, _ in selector.select(0.2):
                    data = os.read(key.fd, 65_536)
                    if data:
                        self._heard(key.data, data)
                    else:
                        selector.unregister(key.fd)
                self._tick()
        while not self._gone():
            self._tick()
            time.sleep(0.002)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.child.pid, signal.SIGKILL)  # processes that the stage launched and did not wait for
        self.child.stderr.close()
        return self.outcome

    def _heard(self, name: str, data: bytes) -> None:
        if name == "stderr":
            self.outcome.stderr = (self.outcome.stderr + data.decode("utf-8", "replace"))[-_STDERR_KEPT:]
            return
        *lines, self.rest[name] = (self.rest[name] + data).split(b"\n")
        for line in lines:
            with contextlib.suppress(ValueError):  # a line that a dying child did not finish
                event = Event.from_json(line.decode("utf-8", "replace"))
                if event.kind != "progress":
                    self.outcome.events.append(event)
                self.listener(event)

    def _tick(self) -> None:
        if self.ended:
            return
        if sample := self.probe.due():
            self.sample(sample)
        if time.monotonic() > self.deadline:
            self._end_late_child()

    def _end_late_child(self) -> None:
        """Ask a child that is past its limit to end; end it when it does not."""
        asked = self.outcome.timed_out
        self.outcome.timed_out = True
        self.deadline = time.monotonic() + TERM_GRACE
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL if asked else signal.SIGTERM)

    def _gone(self) -> bool:
        """Tell whether the child has ended, and read once what the kernel counted."""
        if self.ended:
            return True
        pid, status, usage = os.wait4(self.child.pid, os.WNOHANG)
        if not pid:
            return False
        self.ended = time.monotonic()
        code = os.waitstatus_to_exitcode(status)
        self.child.returncode = code
        self.outcome.killed_by = process.signal_name(-code) if code < 0 else ""
        self.outcome.code = int(ExitCode.FAULT) if code < 0 else code
        self.outcome.cpu_seconds = usage.ru_utime + usage.ru_stime
        self.outcome.peak_memory = process.counted_memory(usage)
        self.outcome.read_bytes, self.outcome.written_bytes = usage.ru_inblock * 512, usage.ru_oublock * 512
        return True


class _Probe:
    """Reads memory, CPU and I/O of a running child once a second; a shorter stage never imports psutil."""

    def __init__(self, stage: str, pid: int) -> None:
        self.stage, self.pid = stage, pid
        self.next = time.monotonic() + SAMPLE_SECONDS

    def due(self) -> Event | None:
        """Return a sample when a second has gone by and the child still lives."""
        if time.monotonic() < self.next:
            return None
        self.next = time.monotonic() + SAMPLE_SECONDS
        import psutil

        try:
            child = psutil.Process(self.pid)
            with child.oneshot():
                times, memory = child.cpu_times(), child.memory_info().rss
            counters = child.io_counters() if hasattr(child, "io_counters") else None
        except (psutil.Error, OSError):
            return None
        if not memory:  # it has ended and is not collected yet
            return None
        fields = {"memory": memory, "cpu_seconds": round(times.user + times.system, 2),
                  "read_bytes": getattr(counters, "read_bytes", 0),
                  "written_bytes": getattr(counters, "write_bytes", 0)}
        return Event(SAMPLE, self.stage, f"{memory / 2**20:.0f} MiB, {fields['cpu_seconds']} s CPU", fields)


class _Pipe:
    """Two descriptors, each closed once."""

    def __init__(self) -> None:
        self.read, self.write = os.pipe()
        self._open = {self.read, self.write}

    def close_write(self) -> None:
        """Close this process's writing end, so that the reader sees the end when the child is gone."""
        self._open.discard(self.write)
        os.close(self.write)

    def __enter__(self) -> _Pipe:
        return self

    def __exit__(self, *_: object) -> None:
        for end in self._open:
            os.close(end)
