"""Task of load: make a region's database of the sorted parts, in their order. Called in workers, JSON in and out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from history.model import Vintage
from large.pieces import beside, read_table
from pipeline.countries import load_identity
from pipeline.storage import place, random_access

if TYPE_CHECKING:
    import pyarrow


def fill_region(root: str, folder: str, region: str, parts: Sequence[Sequence[Any]], columns: Sequence[Sequence[Any]],
                facts: Mapping[str, Any], identity: str, store: str) -> dict[str, Any]:
    """Make the database of a region, unless an earlier attempt finished it; returns its rows.

    parts: (path relative to store, sha256), in the order of the rows; store: workspace or storage. The file is flushed
    to the disk before it has its name, so that one that is there is whole.
    """
    from targets._regional import Column, Facts, create, file_of, fill, finish

    path, note = Path(root, folder, file_of(region)), Path(root, folder, f"{region}.json")
    if path.is_file() and _noted(note) == identity:
        return {"region": region, "reused": True}
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}-half0000.tmp")  # a name that a sweep knows as half-written
    half.unlink(missing_ok=True)
    try:
        create(half, region, [Column(*each) for each in columns],
               Facts(**{**facts, "vintage": Vintage(**facts["vintage"])}), load_identity().countries())
        finish(half, fill(half, _reader(store, parts)) if parts else _nothing())
        half.replace(path)
    except BaseException:
        half.unlink(missing_ok=True)  # the disk may be full: what cannot be used makes room
        raise
    with beside(note) as stream:
        stream.write(json.dumps(identity).encode())
    return {"region": region, "reused": False}


def _noted(note: Path) -> str:
    try:
        return str(json.loads(note.read_bytes()))
    except (OSError, ValueError):
        return ""


def _nothing() -> Any:
    from targets._regional import Sent

    return Sent()


def _reader(store: str, parts: Sequence[Sequence[Any]]) -> pyarrow.RecordBatchReader:
    """Return the parts as one stream, one of them in memory at a time."""
    import pyarrow

    with random_access(place(store, parts[0][0])) as stream:
        schema = pyarrow.ipc.open_file(stream).schema

    def batches() -> Iterator[pyarrow.RecordBatch]:
        for path, digest in parts:
            yield from read_table(place(store, path), digest, "transform").to_batches()

    return pyarrow.RecordBatchReader.from_batches(schema, batches())
