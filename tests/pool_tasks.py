"""Tasks that the tests of the pool give to its workers."""

from __future__ import annotations

import errno
import os
import signal
import sys
from pathlib import Path

from pipeline.errors import CheckpointError


def add(one: int, other: int) -> int:
    return one + other


def die_once(mark: str) -> str:
    """Die by SIGKILL, the first time."""
    path = Path(mark)
    if not path.exists():
        path.write_text("")
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def refuse() -> None:
    raise CheckpointError("It is gone", where="here", safe="all", next_command="python extract.py")


def fill_the_disk() -> None:
    raise OSError(errno.ENOSPC, "No space left on device", "/some/file")


def stumble() -> None:
    raise KeyError("nobody foresaw it")


def threads() -> dict[str, str]:
    return {name: os.environ.get(name, "") for name in ("POLARS_MAX_THREADS", "OMP_NUM_THREADS")}


def process() -> int:
    return os.getpid()


def imported() -> list[str]:
    """Return which heavy libraries this worker has loaded by now."""
    return sorted({"pandas", "polars", "pyarrow", "adbc_driver_sqlite"} & sys.modules.keys())
