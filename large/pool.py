"""Worker processes: each of one thread, launched once a stage, fed with tasks and listened to through pipes.

A task is a function of large/ named by module and name, with arguments that are JSON; so is what it returns. A worker
dies with the stage that launched it and inherits its lock. One that dies by itself is launched again with the same
task, once.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from pipeline import errors, lock, process
from pipeline.errors import WorldEconomiesError
from utils import PROJECT

ATTEMPTS = 2  # of a task whose worker died
ONE_THREAD = dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
                            "ARROW_NUM_THREADS", "RAYON_NUM_THREADS", "MALLOC_ARENA_MAX"), "1")
# Arrow's own allocator keeps what was freed: 45 MiB more a worker, and no faster (60 MiB of input, 512M).
FRUGAL = {"ARROW_DEFAULT_MEMORY_POOL": "system"}


class WorkerDied(WorldEconomiesError):
    """A worker was ended from outside, twice over the same task: by the system for want of memory, most likely."""


class TaskFault(Exception):
    """A fault of ours in a worker: what Python called it; its traceback is a note, for the log and for --debug."""


@dataclass(frozen=True)
class Task:
    """A function of the project, "large.steps:survey", and its arguments as JSON."""

    function: str
    arguments: dict[str, Any]

    def line(self) -> bytes:
        """Return the task as a worker reads it."""
        return (json.dumps({"function": self.function, "arguments": self.arguments}) + "\n").encode()


class Pool:
    """So many workers; 0 does every task in this process, which is quicker for what is small.

    lock_fd: the descriptor that holds the workspace. sweep: called at the end where a worker was ended at work, which
    may have left a half-written file. warn: hears of a worker that died and whose task another does. peak_memory:
    bytes, the most that each worker held, summed. Used as a context manager; at its end no worker is left.
    """

    def __init__(self, workers: int, lock_fd: int = -1, sweep: Callable[[], None] | None = None,
                 warn: Callable[[str], None] | None = None) -> None:
        self._lock_fd, self._sweep, self._warn, self._ended_at_work = lock_fd, sweep, warn, False
        self._workers: list[_Worker | None] = [None] * workers
        self._peaks = [0] * workers

    @property
    def peak_memory(self) -> int:
        """The most that each worker held, summed: bytes."""
        return sum(self._peaks)

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None,
                 _trace: TracebackType | None) -> None:
        for worker in self._workers:
            if worker:
                worker.end()
        if self._ended_at_work and self._sweep:
            self._sweep()

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[int, Any]]:
        """Yield (place of the task, what it returned) as tasks end. Raises what a task raised, and WorkerDied."""
        if not self._workers:
            for at, task in enumerate(tasks):
                yield at, call(task)
            return
        waiting = deque((at, task, ATTEMPTS) for at, task in enumerate(tasks))
        busy: dict[int, tuple[int, Task, int]] = {}  # slot -> the task at work
        with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
            stack.callback(self._forsake, busy)  # whoever listens may have heard enough
            while waiting or busy:
                for slot in range(len(self._workers)):
                    if waiting and slot not in busy:
                        busy[slot] = waiting.popleft()
                        self._give(slot, busy[slot][1], selector)
                for key, _ in selector.select():
                    slot = key.data
                    at, task, attempts = busy[slot]
                    worker = self._workers[slot]
                    assert worker is not None
                    if not worker.heard():
                        continue
                    del busy[slot]
                    selector.unregister(worker.results)
                    answer = worker.answer()
                    if answer is None:
                        ended = worker.end()
                        self._workers[slot], self._ended_at_work = None, True
                        if attempts == 1:
                            raise _died(ended, task)
                        if self._warn:
                            self._warn(f"a worker process {_how(ended, task)}; another does the same piece again")
                        waiting.appendleft((at, task, attempts - 1))
                        continue
                    self._peaks[slot] = max(self._peaks[slot], answer["peak"])
                    yield at, result_of(answer)

    def _forsake(self, busy: Iterable[int]) -> None:
        """End workers whose answers nobody waits for any more."""
        for slot in busy:
            if worker := self._workers[slot]:
                worker.end()
                self._workers[slot], self._ended_at_work = None, True

    def all(self, tasks: Iterable[Task]) -> list[Any]:
        """Return what the tasks returned, in their order."""
        return [result for _, result in sorted(self.run(tasks), key=lambda pair: pair[0])]

    def _give(self, slot: int, task: Task, selector: selectors.BaseSelector) -> None:
        worker = self._workers[slot] or _Worker(self._lock_fd)
        self._workers[slot] = worker
        worker.give(task)
        selector.register(worker.results, selectors.EVENT_READ, slot)


class _Worker:
    """One process of ours, its tasks going in by its standard input, its answers coming back by a pipe."""

    def __init__(self, lock_fd: int) -> None:
        self.results, write = os.pipe()
        life, self._life = os.pipe()
        descriptors = [fd for fd in (lock_fd, write, life) if fd >= 0]
        environment = {**os.environ, **ONE_THREAD, **FRUGAL, process.PARENT_FD: str(life),
                       process.PARENT_PID: str(os.getpid()),
                       "PYTHONPATH": os.pathsep.join(filter(None, (str(PROJECT), os.environ.get("PYTHONPATH", ""))))}
        environment.pop("WORLD_ECONOMIES_EVENTS_FD", None)  # the stage alone speaks to the run
        if lock_fd >= 0:
            environment[lock.LOCK_FD] = str(lock_fd)
        # -P: a folder named large where the command was typed is none of ours.
        self.process = subprocess.Popen([sys.executable, "-P", "-m", "large.worker", str(write)], env=environment,
                                        stdin=subprocess.PIPE, pass_fds=descriptors)
        os.close(write)
        os.close(life)
        self._rest, self._line = b"", b""

    def give(self, task: Task) -> None:
        """Send a task; a worker that is gone is noticed by its silence."""
        assert self.process.stdin is not None
        self._line = b""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(task.line())
            self.process.stdin.flush()

    def heard(self) -> bool:
        """Read what there is; tells whether the answer is whole, or will never be."""
        data = os.read(self.results, 1 << 20)
        self._rest += data
        line, end, rest = self._rest.partition(b"\n")
        if end:
            self._line, self._rest = line, rest
        return bool(end) or not data

    def answer(self) -> dict[str, Any] | None:
        """Return the answer, None where the worker died."""
        return json.loads(self._line) if self._line else None

    def end(self) -> int:
        """End the process; returns its exit code, negative for a signal. What it has answered stands as files."""
        self.process.kill()
        code = self.process.wait()
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        for descriptor in (self.results, self._life):
            os.close(descriptor)
        return code


def call(task: Task) -> Any:
    """Do a task in this process."""
    from importlib import import_module

    module, _, name = task.function.partition(":")
    return getattr(import_module(module), name)(**task.arguments)


def result_of(answer: dict[str, Any]) -> Any:
    """Return what a task returned, by what large.worker.done() said. Raises what it raised."""
    if told := answer.get("error"):
        kind = getattr(errors, told["kind"], WorldEconomiesError)
        raise kind(told["what"], where=told["where"], safe=told["safe"], next_command=told["next_command"])
    if trace := answer.get("traceback"):
        fault = TaskFault(trace.strip().splitlines()[-1])
        fault.add_note(trace)
        raise fault
    return answer["result"]


def _how(code: int, task: Task, times: str = "") -> str:
    how = f"was ended by {process.signal_name(-code)}" if code < 0 else f"ended with exit {code}"
    return f"{how}{times} at the step {task.function.partition(':')[2].replace('_', ' ')}"


def _died(code: int, task: Task) -> WorkerDied:
    return WorkerDied(f"A worker process {_how(code, task, ', twice,')}",
                      safe="every finished piece, and the databases as they were",
                      next_command="the same command goes on; where memory ran out, with --workers 1 or a smaller "
                                   "--memory")
