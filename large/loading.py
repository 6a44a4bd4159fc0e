"""Load of a large table: a task a region makes its database of the sorted parts, in their order."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from history.model import Vintage
from large.model import TablePlan
from large.pieces import beside, identity_of, read_table
from large.pool import Pool, Task
from large.transforming import WORK
from pipeline.checkpoints import Manifest
from pipeline.countries import load_identity
from pipeline.storage import place, random_access
from rules.identity import REGIONS
from utils import disk_full_named

if TYPE_CHECKING:
    import pyarrow

    from targets._regional import Column

COPIED = 1 << 20  # bytes at once, to another disk


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


# --- what the stage asks for --------------------------------------------------------------------------------------


def work_of(manifest: Manifest) -> str:
    """Return the folder in which a run's databases are made, relative to the workspace."""
    return f"{WORK}/{manifest.run_id}/regions"


def clear(root: Path, manifest: Manifest) -> None:
    """Remove the folder in which a run's databases were made."""
    shutil.rmtree(root / WORK / manifest.run_id, ignore_errors=True)
    with contextlib.suppress(OSError):
        (root / WORK).rmdir()


def bring(path: Path, folder: Path) -> None:
    """Move a finished database into a folder, which may be on another disk. Raises DiskFull."""
    try:
        path.rename(folder / path.name)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with disk_full_named(folder), path.open("rb") as source, (folder / path.name).open("wb") as target:
            shutil.copyfileobj(source, target, COPIED)
            target.flush()
            os.fsync(target.fileno())
        path.unlink()


def columns_of(plan: TablePlan) -> list[Column]:
    """Return the columns behind GDP_as_published."""
    from targets._regional import Column, column_names

    year = [Column("Year", "INTEGER", True)] if plan.has_year else []
    names = column_names(each.name for each in plan.further)
    return year + [Column(name, "INTEGER" if each.integer else "TEXT", each.field in plan.key)
                   for name, each in zip(names, plan.further, strict=True)]


def fill_all(root: Path, before: Manifest, plan: TablePlan, facts: Any, pool: Pool, code: str) -> list[Path]:
    """Make the databases of all regions, the largest first; returns them in the order of REGIONS."""
    from targets._regional import file_of

    rows: dict[str, int] = before.facts["table"]["regions"]
    parts: dict[str, list[list[str]]] = {region: [] for region in REGIONS}
    for part, region in zip(before.parts, before.facts["table"]["region_of_part"], strict=True):
        parts[region].append([part.relative_path, part.sha256])
    columns = [list(column) for column in columns_of(plan)]
    tasks = [Task("large.loading:fill_region", {
        "root": str(root), "folder": work_of(before), "region": region, "parts": parts[region], "columns": columns,
        "facts": asdict(facts), "store": before.storage or str(root),
        "identity": identity_of(parts[region], columns, asdict(facts), code)})
        for region in sorted(REGIONS, key=lambda region: -rows[region])]
    pool.all(tasks)
    return [root / work_of(before) / file_of(region) for region in REGIONS]
