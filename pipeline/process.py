"""Processes of a run: a child never outlives its parent, and a signal ends work at a clean place.

The parent passes three descriptors: the workspace's lock, a pipe for events, and the reading end of a pipe that closes
when the parent is gone. On Linux the kernel sends the child SIGTERM at the parent's death as well.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType

PARENT_FD = "WORLD_ECONOMIES_PARENT_FD"
PARENT_PID = "WORLD_ECONOMIES_PARENT_PID"
_PR_SET_PDEATHSIG = 1
_GRACE = 1.0  # seconds between asking an orphan to end and ending it; a new run waits 2


def die_with_parent() -> None:
    """End this process when the one that launched it is gone; does nothing in a process run by hand."""
    descriptor, parent = os.environ.get(PARENT_FD, ""), os.environ.get(PARENT_PID, "")
    if not descriptor.isdigit():
        return
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if parent.isdigit() and os.getppid() != int(parent):
        os._exit(130)  # the parent died before the kernel was asked
    os.set_inheritable(int(descriptor), False)
    threading.Thread(target=_watch, args=(int(descriptor),), name="parent-watch", daemon=True).start()


def _watch(descriptor: int) -> None:
    try:
        while os.read(descriptor, 1):
            pass
    except OSError:
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(_GRACE)
    os._exit(130)


def interrupt_on_sigterm() -> None:
    """Make SIGTERM end the work as Ctrl-C does: by KeyboardInterrupt in the main thread."""
    def handler(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, handler)
    signal.signal(signal.SIGINT, handler)


def signal_name(number: int) -> str:
    """Return "SIGKILL" for 9."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
