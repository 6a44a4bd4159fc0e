"""A process that dies, fails or goes deaf at a chosen moment; read by Python itself at its start, told by FAULT_*.

FAULT_SCRIPT  the script that is struck ("load.py"); "worker of load.py": every worker process that it launched. Every
              other process is left alone.
FAULT_ACT     kill: SIGKILL to itself; full: the disk is full; raise: a fault of ours; deaf: SIGTERM and Ctrl-C are not
              heard; alone: the kernel is not asked for a parent-death signal; group: a worker of the script ends its
              whole process group, the stage with it.
FAULT_AT      kill, full, raise, group: at the N-th time, from 1, that a file is opened for writing, synced or renamed.
FAULT_REMOVALS  "1": removing a file or a folder counts too.
FAULT_ONCE    a file that the first process to be struck makes; where it is there, no other one is struck.
"""

import errno
import os
import signal
import sys
from pathlib import Path

act, at = os.environ.get("FAULT_ACT", ""), int(os.environ.get("FAULT_AT", "1"))
script = Path(sys.orig_argv[1]).name if len(sys.orig_argv) > 1 else ""
if "large.worker" in sys.orig_argv:
    launched_by = Path(f"/proc/{os.getppid()}/cmdline").read_bytes().split(b"\0")
    script = ("" if act == "group" else "worker of ") + Path(os.fsdecode(launched_by[1])).name
elif act == "group":
    script = ""
passed = 0
removals = ("os.remove", "os.rmdir") if os.environ.get("FAULT_REMOVALS") else ()


def strike() -> None:
    global passed
    passed += 1
    if passed != at:
        return
    if once := os.environ.get("FAULT_ONCE"):
        try:
            os.close(os.open(once, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
    if act == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if act == "group":
        os.killpg(0, signal.SIGKILL)
    if act == "full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    raise RuntimeError("struck on purpose")


def heard(event, arguments):
    path = str(arguments[0]) if arguments else ""
    if "/log/" in path or "__pycache__" in path:
        return
    if event == "os.rename" or event in removals or (event == "open" and isinstance(arguments[2], int)
                                and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
        strike()


def synced(descriptor, real=os.fsync):
    strike()
    real(descriptor)


if act and script == os.environ.get("FAULT_SCRIPT"):
    if act in ("kill", "full", "raise", "group"):
        sys.addaudithook(heard)
        os.fsync = synced
    if act == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal = lambda number, handler: None
    if act == "alone":
        import ctypes

        class _Quiet:
            def prctl(self, *_):
                return 0

        ctypes.CDLL = lambda *_, **__: _Quiet()
