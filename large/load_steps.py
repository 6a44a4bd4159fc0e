"""Load of a large table: which task makes which region's database, and where it goes."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from large.model import TablePlan
from large.pieces import WORK, identity_of
from large.pool import Pool, Task
from pipeline.checkpoints import Manifest
from rules.identity import REGIONS
from utils import disk_full_named

if TYPE_CHECKING:
    from targets._regional import Column

COPIED = 1 << 20  # bytes at once, to another disk


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
    tasks = [Task("large.load_tasks:fill_region", {
        "root": str(root), "folder": work_of(before), "region": region, "parts": parts[region], "columns": columns,
        "facts": asdict(facts), "store": before.storage or str(root),
        "identity": identity_of(parts[region], columns, asdict(facts), code)})
        for region in sorted(REGIONS, key=lambda region: -rows[region])]
    pool.all(tasks)
    return [root / work_of(before) / file_of(region) for region in REGIONS]
