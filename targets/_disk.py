"""What SQLite says when it cannot write any further, as an error of ours: it names the cause only sometimes."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from pathlib import Path

from pipeline.errors import DiskFull
from utils import full_disk

# 0: of ADBC, which tells no code.
_OF_WRITING = (0, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC,
               sqlite3.SQLITE_IOERR_TRUNCATE)


def disk_fault(error: Exception, path: Path, safe: str) -> DiskFull | None:
    """Return what ails the disk where that is why SQLite, or ADBC in whose words it is, refuses; None for all else.

    path: the database that was being written. "unable to open" is said of a journal for which there is no room, too:
    the system is asked by a file beside it, which goes at once.
    """
    code = getattr(error, "sqlite_errorcode", 0)
    if code == sqlite3.SQLITE_FULL or "disk is full" in str(error):
        return DiskFull(f"The disk is full while writing {path.name}", where=str(path), safe=safe)
    if "disk I/O error" in str(error) and code in _OF_WRITING:
        return DiskFull(f"{path.name} cannot be written further ({error}): a quota or a limit of the size of files "
                        "(ulimit -f) is reached, or the disk fails", where=str(path), safe=safe)
    if "unable to open database file" in str(error):
        try:
            handle, name = tempfile.mkstemp(".tmp", f".{path.name}-", path.parent)
        except OSError as refusal:
            return full_disk(refusal, path)
        os.close(handle)
        Path(name).unlink(missing_ok=True)  # a load that begins sweeps such names away
    return None
