"""One run at a time: an flock on the workspace, inherited by the stages of the run that holds it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import UsageError, WorkspaceLocked
from utils import Workspace, disk_full_named, fsync_folder, make_folder, utc_now

LOCK_FD = "WORLD_ECONOMIES_LOCK_FD"
WAIT_SECONDS = 2.0  # how long a new run waits for orphans of a killed one to end
_HALF_WRITTEN = re.compile(r"\..+-[a-z0-9_]{8}\.tmp(?:-journal|-wal|-shm)?")  # as tempfile.mkstemp names them


@contextlib.contextmanager
def hold(workspace: Workspace, *, wait: float = WAIT_SECONDS) -> Iterator[int]:
    """Hold the workspace; yields the descriptor that children inherit.

    A stage launched by etl_process.py finds the lock in its inheritance and takes none of its own. What a killed run
    left half-written is removed: nobody else writes while the lock is held.
    Raises WorkspaceLocked naming the holder when another run keeps it beyond `wait` seconds, UsageError for a workspace
    that cannot be written.
    """
    inherited = _inherited(workspace)
    if inherited is not None:
        yield inherited
        return
    descriptor = _opened(workspace)
    try:
        _acquire(descriptor, workspace, wait)
        if os.fstat(descriptor).st_size:  # whoever held it last was killed
            sweep(workspace)
        _sign(descriptor)
        yield descriptor
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)  # the lock goes when the last inheritor closes it


def sweep(workspace: Workspace) -> None:
    """Remove the half-written files that a killed process left; call it only with the lock held."""
    for top in (workspace.results, workspace.database.parent):
        for folder, _, files in os.walk(top):
            for name in filter(_HALF_WRITTEN.fullmatch, files):
                with contextlib.suppress(OSError):
                    Path(folder, name).unlink()


def _opened(workspace: Workspace) -> int:
    try:
        with disk_full_named(workspace.lock):
            make_folder(workspace.lock.parent)
            if workspace.lock.exists():
                return os.open(workspace.lock, os.O_RDWR)
            descriptor = os.open(workspace.lock, os.O_RDWR | os.O_CREAT, 0o644)
            fsync_folder(workspace.lock.parent)
            return descriptor
    except OSError as error:
        raise UsageError(f"The workspace cannot be written: {error.strerror}", where=str(error.filename),
                         safe="nothing was changed", next_command="choose another --workspace") from error


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
    content = {"pid": os.getpid(), "command": Path(sys.argv[0]).name, "since": utc_now(), "host": socket.gethostname()}
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(content).encode(), 0)
    os.fsync(descriptor)  # after a power cut, too, it tells that something may lie about half-written


def _holder(descriptor: int) -> str:
    try:
        content = json.loads(os.pread(descriptor, 4096, 0))
        told = f"{content['command']}, process {content['pid']}, since {content['since']}"
        here = content["host"] == socket.gethostname()
        return told + ("" if here else f", on {content['host']}")
    except (ValueError, KeyError, TypeError):
        return "its process is unknown"
