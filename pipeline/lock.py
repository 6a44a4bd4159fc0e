"""One run at a time: an flock on the workspace, inherited by the stages of the run that holds it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import WorkspaceLocked
from utils import Workspace, disk_full_named, utc_now

LOCK_FD = "WORLD_ECONOMIES_LOCK_FD"
WAIT_SECONDS = 2.0  # how long a new run waits for orphans of a killed one to end


@contextlib.contextmanager
def hold(workspace: Workspace, *, wait: float = WAIT_SECONDS) -> Iterator[int]:
    """Hold the workspace; yields the descriptor that children inherit.

    A stage launched by etl_process.py finds the lock in its inheritance and takes none of its own.
    Raises WorkspaceLocked naming the holder when another run keeps it beyond `wait` seconds.
    """
    inherited = _inherited(workspace)
    if inherited is not None:
        yield inherited
        return
    with disk_full_named(workspace.lock):
        workspace.lock.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(workspace.lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _acquire(descriptor, workspace, wait)
        _sign(descriptor)
        yield descriptor
    finally:
        os.close(descriptor)  # the lock goes when the last inheritor closes it


def _inherited(workspace: Workspace) -> int | None:
    text = os.environ.get(LOCK_FD, "")
    if not text.isdigit():
        return None
    try:
        mine, theirs = os.fstat(int(text)), workspace.lock.stat()
    except OSError:
        return None
    return int(text) if (mine.st_dev, mine.st_ino) == (theirs.st_dev, theirs.st_ino) else None


def _acquire(descriptor: int, workspace: Workspace, wait: float) -> None:
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise WorkspaceLocked(
                    f"Another run holds the workspace: {_holder(descriptor)}", where=str(workspace.root),
                    safe="nothing was read or changed",
                    next_command="wait for it to end, or choose another --workspace") from None
            time.sleep(0.05)


def _sign(descriptor: int) -> None:
    content = {"pid": os.getpid(), "command": Path(sys.argv[0]).name, "since": utc_now()}
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(content).encode(), 0)


def _holder(descriptor: int) -> str:
    try:
        content = json.loads(os.pread(descriptor, 4096, 0))
        return f"{content['command']}, process {content['pid']}, since {content['since']}"
    except (ValueError, KeyError, TypeError):
        return "its process is unknown"
