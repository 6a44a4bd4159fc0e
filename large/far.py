"""What pieces in an object store need beside: a workspace that they belong to, and their quarantine brought home."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from large.pieces import beside
from pipeline.errors import UsageError
from pipeline.stage import Stage
from pipeline.storage import STORAGE, Far, place, require_bucket, size_of
from utils import atomic_file, sha256_file, utc_now, write_json

CLAIM = "world-economies.json"  # in the storage: whose it is
NOTE = "storage.json"  # in results/: who this workspace is


def claim(storage: str, stage: Stage) -> None:
    """Make a storage this workspace's own: whoever clears its work away must be alone in it, and no lock reaches there.

    Raises UsageError for another workspace's, or where there is no bucket; TargetError where the store does not answer
    or refuses.
    """
    folder, own = place(storage), _own(stage.workspace.results / NOTE)
    assert isinstance(folder, Far)
    require_bucket(folder)
    mark = folder / CLAIM
    try:
        held = json.loads(mark.read_bytes())["workspace"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        with beside(mark) as stream:
            stream.write(json.dumps({"workspace": own, "since": utc_now()}).encode())
        return
    if held != own:
        raise UsageError(f"{STORAGE} {storage} is another workspace's: each has a prefix of its own", where=str(mark),
                         safe="nothing was read or changed",
                         next_command=f"{STORAGE} {storage}-2   # or remove {CLAIM} there, where that one is gone")


def _own(note: Path) -> str:
    """Return the name of this workspace, given once and moved with it."""
    try:
        return str(json.loads(note.read_bytes())["workspace"])
    except (OSError, ValueError, KeyError, TypeError):
        own = uuid.uuid4().hex
        write_json(note, {"workspace": own})
        return own


def bring_quarantine(storage: str, stage: Stage, told: Iterable[Mapping[str, Any]]) -> None:
    """Bring the quarantined rows of pieces into the workspace, where people look for them.

    told: of the pieces. What the storage has no longer is warned of: nothing is computed from it.
    """
    parts = [part for each in told for part in each["quarantine"]["parts"]] if storage else []
    for path, digest, size, _ in parts:
        here = stage.workspace.resolve(path)
        if size_of(here) == size:  # its name is made from its content
            continue
        try:
            with place(storage, path).open("rb") as source, atomic_file(here) as target:
                shutil.copyfileobj(source, target, 1 << 20)
        except FileNotFoundError:
            stage.report.warn(f"{path} is not in the storage any more")
            continue
        if sha256_file(here) != digest:
            here.unlink()
            stage.report.warn(f"{path} was altered in the storage, and is left out")
