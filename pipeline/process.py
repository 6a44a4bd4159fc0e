"""Processes of a run: a child never outlives its parent, a signal ends work at a clean place, no stream surprises.

The parent passes three descriptors: the workspace's lock, a pipe for events, and the reading end of a pipe that closes
when the parent is gone. On Linux the kernel sends the child SIGTERM at the parent's death as well.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import os
import resource
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import TextIO

PARENT_FD = "WORLD_ECONOMIES_PARENT_FD"
PARENT_PID = "WORLD_ECONOMIES_PARENT_PID"
_PR_SET_PDEATHSIG = 1
_KERNEL_FIRST = 0.1  # seconds the kernel has to send the parent-death signal before the pipe's reader does it
_GRACE = 0.8  # seconds between asking an orphan to end and ending it; a new run waits 2 in all
_LOST = (errno.EPIPE, errno.EIO)  # the reader has gone; the terminal has hung up
_PLAIN = {"–": "-", "—": "-", "’": "'", "✓": "+", "✗": "x", "ı": "i", "ø": "o", "Ø": "O", "ß": "ss", "æ": "ae"}


def prepare() -> None:
    """Set a process of the project up: whole standard streams, clean ends on signals, no life after the parent's."""
    _open_descriptors()
    codecs.register_error("readable", _readable)
    sys.stdout, sys.stderr = _screen(sys.stdout, 1), _screen(sys.stderr, 2)
    interrupt_on_sigterm()
    die_with_parent()


# --- streams ------------------------------------------------------------------------------------------------------


def _open_descriptors() -> None:
    """Open what the caller closed: else the next file opened, a database perhaps, would be standard output."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, this one
            os.set_inheritable(descriptor, True)


class Screen(io.TextIOWrapper):
    """Standard output or error whose reader may go early (`| head -1`): the rest goes nowhere, the work goes on."""

    def write(self, text: str) -> int:
        """Write; a reader that has gone is no error."""
        try:
            return super().write(text)
        except OSError as error:
            self._lost(error)
            return len(text)

    def flush(self) -> None:
        """Flush; a reader that has gone is no error."""
        try:
            super().flush()
        except OSError as error:
            self._lost(error)

    def _lost(self, error: OSError) -> None:
        if error.errno not in _LOST:
            raise error
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self.fileno())
        os.close(null)


def _screen(stream: TextIO | None, descriptor: int) -> TextIO:
    """Return the stream as a Screen; one that is not the process's own (a test's) is left alone."""
    if stream is None:
        return Screen(open(descriptor, "wb", closefd=False), encoding="utf-8", errors="readable")
    if type(stream) is not io.TextIOWrapper or stream.fileno() != descriptor:
        return stream
    return Screen(stream.buffer, encoding=stream.encoding, errors="readable", line_buffering=stream.line_buffering,
                  write_through=stream.write_through)


def _readable(error: UnicodeError) -> tuple[str, int]:
    """Write what a narrow terminal cannot show as near as it can: Turkiye, Cote d'Ivoire, "?" at worst."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    import unicodedata

    def plain(character: str) -> str:
        known = _PLAIN.get(character) or unicodedata.normalize("NFKD", character)
        return known.encode("ascii", "ignore").decode() or "?"

    return "".join(plain(each) for each in error.object[error.start:error.end]), error.end


# --- the end of a process -----------------------------------------------------------------------------------------


class _Asked:
    """How often this process was asked to end."""

    times = 0


def interrupt_on_sigterm() -> None:
    """Make SIGTERM end the work as Ctrl-C does, by KeyboardInterrupt in the main thread; a second one ends it at once.
    """
    _Asked.times = 0

    def handler(_number: int, _frame: FrameType | None) -> None:
        _Asked.times += 1
        if _Asked.times > 1:
            os._exit(130)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, handler)
    signal.signal(signal.SIGINT, handler)


def die_with_parent() -> None:
    """End this process when the one that launched it is gone; does nothing in a process run by hand."""
    descriptor, parent = os.environ.get(PARENT_FD, ""), os.environ.get(PARENT_PID, "")
    if not descriptor.isdigit():
        return
    # A process group of its own is a background group: under `stty tostop` its first line would stop it for ever.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if parent.isdigit() and os.getppid() != int(parent):
        os._exit(130)  # the parent died before the kernel was asked
    os.set_inheritable(int(descriptor), False)
    threading.Thread(target=_watch, args=(int(descriptor),), name="parent-watch", daemon=True).start()


def _watch(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        while os.read(descriptor, 1):
            pass
    # The pipe closes a moment before the kernel sends its signal; two would end the work at no clean place.
    threading.Event().wait(_KERNEL_FIRST)
    if not _Asked.times:
        os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(_GRACE)
    os._exit(130)


def signal_name(number: int) -> str:
    """Return "SIGKILL" for 9."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


# --- what a process held ------------------------------------------------------------------------------------------


def peak_memory(pid: int | None = None) -> int:
    """Return the most bytes that this process has held, or the process `pid`: 0 for one that is gone."""
    # What the kernel counts in rusage includes the parent's memory from before the process began, its status does not.
    with contextlib.suppress(OSError, ValueError):
        status = Path(f"/proc/{pid or 'self'}/status").read_text(encoding="ascii", errors="replace")
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return counted_memory(resource.getrusage(resource.RUSAGE_SELF)) if pid is None else 0


def counted_memory(usage: resource.struct_rusage) -> int:
    """Return the peak memory that the kernel counted, in bytes: macOS counts bytes, others KiB."""
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
