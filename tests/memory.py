"""How much memory a process and its descendants hold together: PSS, in which what two share is counted once (Linux)."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

INTERVAL = 0.02  # seconds between two looks


class Measured(NamedTuple):
    """A finished run, the most bytes its processes held at one time, and what each held then."""

    done: subprocess.CompletedProcess[str]
    peak: int
    then: dict[str, int]


def pss(pid: int) -> int:
    """Return the proportional set size of a process in bytes, 0 for one that has ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:")), 0)


def tree(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    found, waiting = list[int](), [pid]
    while waiting:
        found.append(waiting.pop())
        for children in Path(f"/proc/{found[-1]}/task").glob("*/children"):
            try:
                waiting += map(int, children.read_text(encoding="ascii").split())
            except OSError:
                continue
    return found


def name_of(pid: int) -> str:
    """Return the script or module of a Python process, with its number."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").split("\0")
    except OSError:
        return f"gone {pid}"
    return f"{words[2] if words[1:2] == ['-m'] else Path(words[1] if words[1:] else '').name} {pid}"


def measured(command: Sequence[str], environment: dict[str, str], folder: Path) -> Measured:
    """Run a command to its end, looking at its processes all the while; folder: for what it writes on the screen."""
    out, err = folder / "stdout.txt", folder / "stderr.txt"
    with out.open("w") as stdout, err.open("w") as stderr:
        process = subprocess.Popen([sys.executable, *command], env=environment, stdout=stdout, stderr=stderr,
                                   stdin=subprocess.DEVNULL)
    most: list[tuple[int, dict[str, int]]] = [(0, {})]
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(INTERVAL):
            held = {pid: pss(pid) for pid in tree(process.pid)}
            if sum(held.values()) > most[0][0]:
                most[0] = sum(held.values()), {name_of(pid): size for pid, size in held.items()}

    looking = threading.Thread(target=look)
    looking.start()
    code = process.wait()
    ended.set()
    looking.join()
    return Measured(subprocess.CompletedProcess(command, code, out.read_text(), err.read_text()), *most[0])
