"""Run a command and watch its whole tree of processes: seconds, processor seconds, and peak memory (Linux).

Memory is PSS, summed over every process of the command's session: pages that two processes share count once. A look at
a large process takes time itself: looks are 50 ms apart, and further where they would take over 5 % of the time.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

INTERVAL = 0.05
SHARE = 20  # at most one part in so many goes to looking
TICKS = os.sysconf("SC_CLK_TCK")
OK, TIMEOUT, MEMORY = "ok", "timeout", "out of memory"
WORDS_OF_MEMORY = ("out of memory", "outofmemory", "memoryerror", "memory limit", "cannot allocate", "bad_alloc",
                   "bad alloc", "failed to allocate")


@dataclass(frozen=True)
class Watched:
    """What was seen. outcome: OK, TIMEOUT, MEMORY or "failed"; said: the end of what it wrote to standard error.

    seconds, cpu: of the clock and of processors. peak: most PSS in bytes; private: most of it that no file backs.
    """

    outcome: str
    seconds: float
    cpu: float
    peak: int
    private: int
    looks: int
    said: str


def session_of(leader: int) -> list[int]:
    """Return the processes of a session, those too whose parent is gone."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                fields = Path(entry.path, "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has ended meanwhile
                continue
            if int(fields[3]) == leader and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def memory_of(process: int) -> tuple[int, int]:
    """Return PSS, and PSS of memory that no file backs, in bytes; zeros for a process that has ended."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return 0, 0
    size = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}
    return size.get("Pss", 0), size.get("Pss_Anon", 0) + size.get("Pss_Shmem", 0)


def seconds_of(process: int) -> float:
    """Return processor seconds of a process, those of its collected children too."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:13])) / TICKS


def end(leader: int) -> None:
    """Kill every process of a session that we began."""
    for process in session_of(leader):
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue


def watch(command: Sequence[str], environment: Mapping[str, str], errors: IO[bytes], timeout: float,
          ceiling: int) -> Watched:
    """Run a command to its end, or until it takes too long or more memory than the ceiling."""
    begun = time.perf_counter()
    child = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=errors, start_new_session=True)
    outcome, peak, private, looks = "", 0, 0, 0
    cpu: dict[int, float] = {}
    pause = INTERVAL
    while True:
        try:
            child.wait(pause)
            break
        except subprocess.TimeoutExpired:
            pass
        looked = time.perf_counter()
        processes = session_of(child.pid)
        sizes = [memory_of(process) for process in processes]
        cpu |= {process: seconds_of(process) for process in processes}
        peak, private = max(peak, sum(each[0] for each in sizes)), max(private, sum(each[1] for each in sizes))
        looks += 1
        now = time.perf_counter()
        if now - begun > timeout or peak > ceiling:
            outcome = TIMEOUT if now - begun > timeout else MEMORY
            end(child.pid)
            child.wait()
            break
        pause = max(INTERVAL, (now - looked) * SHARE)
    seconds = time.perf_counter() - begun
    end(child.pid)  # what it may have left behind
    said = tail(errors)
    return Watched(outcome or verdict(child.returncode, said), seconds, sum(cpu.values()), peak, private, looks, said)


def tail(errors: IO[bytes]) -> str:
    """Return the end of what was written."""
    errors.seek(max(0, errors.seek(0, os.SEEK_END) - 4000))
    return errors.read().decode(errors="replace")


def verdict(code: int, said: str) -> str:
    """Return what an exit code and last words mean."""
    if code == 0:
        return OK
    memory = code == -signal.SIGKILL or any(word in said.lower() for word in WORDS_OF_MEMORY)
    return MEMORY if memory else "failed"
