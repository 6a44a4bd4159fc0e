"""Every write boundary of a run: counted, recorded, and struck, by tracer.py, which is a process of its own."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.project import PROJECT

TRACER = Path(__file__).resolve().parent / "tracer.py"
here = pytest.mark.skipif(sys.platform != "linux" or platform.machine() != "x86_64",
                          reason="processes are traced on Linux, x86-64")


@dataclass(frozen=True)
class Strike:
    """What to do at which boundary.

    script: whose boundaries are counted ("load.py", "worker of load.py"), "" for all together; at: which one, from 1;
    act: "kill", or "error" with errno; when: "before" it, or "half" of a write first; whom: "self", "orchestrator",
    "all"; sticky: from there on each opening, write and folder fails, as on a disk that stays full.
    """

    script: str
    at: int
    act: str = "kill"
    when: str = "before"
    whom: str = "self"
    errno: int = 0
    sticky: bool = False


@dataclass(frozen=True)
class Traced:
    """How a traced command ended: its exit code (negative: the signal), what it told, and its boundaries.

    counts: boundaries of each script; struck: the one that was struck, None where it was not reached; events: each with
    script, number, kind and path, of an opening whether it creates; with what it did, where that was asked for.
    """

    code: int
    out: str
    err: str
    counts: dict[str, int]
    struck: dict[str, Any] | None
    events: list[dict[str, Any]] = field(repr=False)


def traced(command: Sequence[str], root: Path, strike: Strike | None = None, *, record: bool = False,
           ports: Iterable[int] = (), env: dict[str, str] | None = None, timeout: float = 120) -> Traced:
    """Run a command in the project's folder, its boundaries those below root and what it sends to the ports."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WORLD_ECONOMIES_")}
    clean |= {"PYTHONWARNINGS": "error", "PYTHONIOENCODING": "utf-8", **(env or {})}
    with tempfile.TemporaryDirectory() as folder:
        spec, report = Path(folder, "spec.json"), Path(folder, "report.json")
        spec.write_text(json.dumps({"root": str(root), "ports": sorted(ports), "record": record, "report": str(report),
                                    **(asdict(strike) if strike else {})}), encoding="utf-8")
        done = subprocess.run([sys.executable, "-I", "-S", str(TRACER), str(spec), *command], capture_output=True,
                              encoding="utf-8", env=clean, cwd=PROJECT, stdin=subprocess.DEVNULL, timeout=timeout,
                              check=False)
        assert done.returncode == 0 and report.exists(), done.stderr
        told = json.loads(report.read_text(encoding="utf-8"))
    return Traced(out=done.stdout, err=done.stderr, **told)


def script(name: str, workspace: Path, *arguments: object) -> list[str]:
    """Return the command `python SCRIPT --workspace WORKSPACE ARGUMENTS…`."""
    return [sys.executable, str(PROJECT / name), "--workspace", str(workspace), *map(str, arguments)]
