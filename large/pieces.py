"""Pieces as checkpoints: an Arrow file beside a JSON that says what it is of; both complete or absent.

They lie in the workspace, or in the object store that --storage names (pipeline.storage).

A piece is not flushed to the disk one by one as a stage's manifest is: whoever reads one compares its sha256 first, and
one that a power cut left short is made again. The identity of a piece is what it was made from: input, settings, code.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.checkpoints import Part
from pipeline.errors import CheckpointError
from pipeline.parts import write_parts
from pipeline.storage import Far, Place, is_far, place, sha256_of, size_of, uploaded
from rules.records import Quarantined
from utils import Workspace, disk_full_named, read_bytes, sha256_text, take_place

if TYPE_CHECKING:
    import pyarrow

Told = dict[str, Any]
WORK = "results/work"  # pieces between two steps, of one run; gone when its transform is done


def identity_of(*made_from: object) -> str:
    """Return the identity of what is made from these, all of them JSON-able."""
    return sha256_text(json.dumps(made_from, sort_keys=True, ensure_ascii=True))


def checkpointed(path: Place, identity: str, make: Callable[[], Told]) -> Told:
    """Return what was told of a piece that is there and whole, else make it and tell it.

    path: of its JSON. make() returns the facts, "files" among them: name beside the JSON -> sha256 and bytes.
    """
    known = _known(path, identity)
    if known is not None:
        return known | {"reused": True}
    told = make() | {"identity": identity}
    with beside(path) as stream:
        stream.write(json.dumps(told).encode())
    return told


def _known(path: Place, identity: str) -> Told | None:
    """Return the facts of a piece of this identity whose files are whole."""
    try:
        told = json.loads(_bytes(path))
    except (OSError, ValueError):
        return None
    if not isinstance(told, dict) or told.get("identity") != identity:
        return None
    for name, (digest, size) in told["files"].items():
        file = path.parent / name
        if size_of(file) != size or sha256_of(file) != digest:
            return None
    return told


def _bytes(path: Place) -> bytes:
    """Return the bytes of a piece. Raises OSError, ValueError for what is no file."""
    return path.read_bytes() if isinstance(path, Far) else read_bytes(path)


@contextlib.contextmanager
def beside(path: Place) -> Iterator[Any]:
    """Write a file that is complete or absent, in bytes, without waiting for the disk. Raises DiskFull, TargetError."""
    if isinstance(path, Far):
        with uploaded(path) as stream:
            yield stream
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with disk_full_named(path):
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:60]}-", suffix=".tmp")
        try:
            with os.fdopen(descriptor, "wb") as stream:
                yield stream
            take_place(Path(temporary), path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(temporary).unlink()
            raise


class _Hashed:
    """A file being written whose digest is known at its end, without reading it again; what pyarrow asks of a file."""

    closed = False

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.digest, self.bytes = hashlib.sha256(), 0

    def write(self, data: Any) -> int:
        """Write bytes, or any buffer of them; returns how many."""
        view = memoryview(data)
        self.digest.update(view)
        self.bytes += view.nbytes
        self._stream.write(view)
        return view.nbytes

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self.bytes

    def flush(self) -> None:
        """Do nothing: the stream below is flushed by who opened it."""

    def close(self) -> None:
        """Do nothing: the stream below is closed by who opened it."""

    def writable(self) -> bool:
        """Return True."""
        return True

    def readable(self) -> bool:
        """Return False."""
        return False

    def seekable(self) -> bool:
        """Return False: a digest is of bytes in their order."""
        return False


def write_batches(path: Place, schema: pyarrow.Schema, batches: Iterable[pyarrow.RecordBatch]) -> dict[str, list[Any]]:
    """Write an Arrow IPC file; returns {name: [sha256, bytes]} for the piece's JSON."""
    import pyarrow

    with beside(path) as stream:
        hashed = _Hashed(stream)
        with pyarrow.ipc.new_file(pyarrow.PythonFile(hashed, mode="w"), schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
    return {path.name: [hashed.digest.hexdigest(), hashed.bytes]}


def read_table(path: Place, digest: str, step: str) -> pyarrow.Table:
    """Return an Arrow file as a table, its bytes compared with their digest. Raises CheckpointError naming the file.

    step: the stage that makes it.
    """
    import pyarrow

    try:
        data = _bytes(path)
    except (OSError, ValueError) as error:
        raise damaged(path, step, "is missing") from error
    if hashlib.sha256(data).hexdigest() != digest:
        path.unlink(missing_ok=True)  # so that it is missed, and made again, whatever its size
        raise damaged(path, step, "was altered or cut: its sha256 is not the one written, and it is removed")
    return pyarrow.ipc.open_file(pyarrow.py_buffer(data)).read_all()


def damaged(path: Place, step: str, what: str) -> CheckpointError:
    """Return the error for a piece that cannot be used."""
    return CheckpointError(f"A checkpoint of {step} is damaged: {path.name} {what}", where=str(path),
                           safe="the databases are as they were", next_command=f"python {step}.py")


# --- rows that cannot be used ---------------------------------------------------------------------------------------


def quarantined(root: str, folder: str, stem: str, rows: Iterable[Quarantined]) -> dict[str, Any]:
    """Write what could not be used, row by row; returns its parts, their number of rows, and rows of each rule."""
    rules: Counter[str] = Counter()

    def passing() -> Iterator[Quarantined]:
        for row in rows:
            rules[row.rule] += 1
            yield row

    passed = passing()
    first = next(passed, None)
    if first is None:
        return {"parts": [], "rows": 0, "rules": {}}
    parts = _written(root, folder, stem, chain([first], passed))
    return {"parts": [[p.relative_path, p.sha256, p.bytes, p.rows] for p in parts], "rows": rules.total(),
            "rules": dict(rules)}


def _written(root: str, folder: str, stem: str, rows: Iterable[Quarantined]) -> list[Part]:
    """Write rows as parts of a folder, relative to root."""
    if not is_far(root):
        return write_parts(Workspace(Path(root)), Path(root, folder), stem, Quarantined._fields, rows)
    with tempfile.TemporaryDirectory() as here:
        parts = write_parts(Workspace(Path(here)), Path(here, folder), stem, Quarantined._fields, rows)
        for part in parts:
            path = part.relative_path
            with Path(here, path).open("rb") as written, beside(place(root, path)) as target:
                shutil.copyfileobj(written, target)
    return parts
