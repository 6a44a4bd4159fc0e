"""Whether input files are what they were when the run began to read them: nobody may write to one while it is read.

A piece is a checkpoint of the bytes that the survey saw. Were one made of other bytes, a later run on the whole file
would find it under that file's digest and use it; so each reading is looked at, not the run as a whole alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence

from pipeline.errors import GateError
from pipeline.storage import Place, stamp

Stamp = Sequence[int]  # as pipeline.storage.stamp() returns it: the size in bytes first


@contextlib.contextmanager
def unchanged(stamps: Mapping[Place, Stamp]) -> Iterator[None]:
    """Read files. Raises GateError where one was changed or taken away meanwhile, whatever failure came of that."""
    try:
        yield
    except Exception as error:
        _require(stamps, error)
        raise
    _require(stamps)


def _require(stamps: Mapping[Place, Stamp], cause: Exception | None = None) -> None:
    for path, before in stamps.items():
        try:
            now = stamp(path)
        except OSError as error:
            raise _refused(path, f"cannot be read any more: {error.strerror}") from (cause or error)
        if now != tuple(before):
            size = f", {before[0]:,} bytes before and {now[0]:,} now" if now[0] != before[0] else ""
            raise _refused(path, f"was written to while it was read: it is another file now{size}") from cause


def _refused(path: Place, what: str) -> GateError:
    return GateError(f"{path.name} {what}", where=str(path), safe="the databases are as they were",
                     next_command="the same command, when the file is complete")
