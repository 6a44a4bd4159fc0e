"""A log file that several processes write and that rotates by size, with no line lost and none torn.

Why not a library: the usual one takes a fifth of the time of a run that has nothing to do, and leaves a file of its own
in the system's temporary folder. Here every line is written under an flock, to the file that bears the name now.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
from pathlib import Path


class SharedRotatingHandler(logging.Handler):
    """Appends records to `path`; past `max_bytes` the file becomes path.1, path.1 becomes path.2, up to `backups`.

    A record is one write under the lock of `path`'s folder, so that records of several processes never mix. A disk that
    is full loses the record, never the program.
    """

    def __init__(self, path: Path, *, max_bytes: int, backups: int) -> None:
        self._guard = self._file = -1  # logging closes a handler that could not be made, too
        super().__init__()
        self.path, self.max_bytes, self.backups = path, max_bytes, backups
        self._guard = os.open(path.parent / f".{path.name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._file = self._opened()

    def _opened(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, all its lines together."""
        try:
            data = (self.format(record) + "\n").encode("utf-8", "backslashreplace")
            fcntl.flock(self._guard, fcntl.LOCK_EX)
            try:
                self._follow()
                if os.fstat(self._file).st_size + len(data) > self.max_bytes:
                    self._rotate()
                while data:
                    data = data[os.write(self._file, data):]
            finally:
                fcntl.flock(self._guard, fcntl.LOCK_UN)
        except Exception:  # noqa: BLE001  logging's own contract: a handler never breaks the program
            self.handleError(record)

    def _follow(self) -> None:
        """Open the file anew where another process has rotated it, or someone has removed it."""
        mine = os.fstat(self._file)
        with contextlib.suppress(FileNotFoundError):
            theirs = self.path.stat()
            if (mine.st_dev, mine.st_ino) == (theirs.st_dev, theirs.st_ino):
                return
        self._reopen()

    def _reopen(self) -> None:
        """Open first, then close: a number that is closed and kept may be another file's by the next record."""
        opened, old = self._opened(), self._file
        self._file = opened
        os.close(old)

    def _rotate(self) -> None:
        """Move every file one number up, dropping the last, and begin a new one."""
        if os.fstat(self._file).st_size == 0:
            return  # one record larger than the limit still has a place
        for number in range(self.backups - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                Path(f"{self.path}.{number}").replace(f"{self.path}.{number + 1}")
        self.path.replace(f"{self.path}.1")
        self._reopen()

    def close(self) -> None:
        """Close both descriptors."""
        for descriptor in (self._file, self._guard):
            if descriptor >= 0:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        super().close()
