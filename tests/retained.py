"""Runs as a workspace keeps them, made by hand: manifests, parts, archived answers.

`python tests/retained.py DIR N` removes what the N newest runs leave over, in a process that a test can kill.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from history.model import STATED, Vintage
from pipeline import checkpoints, lock, retention
from pipeline.archive import Archive
from pipeline.checkpoints import Manifest
from pipeline.documents import RawDocument
from pipeline.parts import write_parts
from pipeline.removal import Removed
from pipeline.stage import named
from tests.orchestra import content
from utils import Workspace, sha256_text

ASKED = "2026-01-01T00:00:00Z"


def answered(workspace: Workspace, *bodies: str, source: str = "own", whole: bool = True) -> str:
    """Archive an answer of these bodies; returns its id. whole: whether all of it came."""
    archive = Archive(workspace.archive)
    with archive.entry(source) as entry:
        for body in bodies:
            entry.add(RawDocument("data", "https://example.org/gdp", ASKED, data=body.encode()))
    if not whole:
        archive.write(entry.record | {"complete": False})
    return entry.id


def made(workspace: Workspace, number: int, says: Mapping[str, str], *, stages: int = 4, dataset: str = "own",
         dating: str = STATED, answer: str = "", table: bool = False) -> str:
    """Make a run of so many finished stages that is current; returns its id, which sorts by the number.

    says: vintage -> what it says, the same text for the same figures. answer: what it is made of, by default one whose
    bytes are its own. table: whether it is a large one.
    """
    run_id = f"202601{number:02d}T000000Z-own"
    answer = answer or answered(workspace, f"{run_id} says {dict(says)}")
    batches, parts = list[dict[str, Any]](), dict[str, list[checkpoints.Part]]({"staged": [], "clean": []})
    for label, said in says.items():
        vintage = Vintage(dataset, label, label, dating=dating)
        for kind, found in parts.items():
            folder = f"regions-{label}" if table else vintage.slug
            found += write_parts(workspace, workspace.results / kind / dataset / folder, "part", ["figure"], [[said]])
        left = write_parts(workspace, workspace.quarantine / dataset / vintage.slug, "extract", ["row"], [[said], [""]])
        batches.append({
            "vintage": asdict(vintage), "scopes": [{"indicator": "NGDPD", "years": [2025], "complete": True}],
            "digest": sha256_text(said), "balance": {"in": 1, "out": 1}, "main": "NGDPD", "picture_year": 2025,
            "fetched_at": ASKED, "parts": [parts["clean"][-1].relative_path], "quarantine": [left[0].relative_path]})
    facts: dict[str, Any] = {"batches": batches, "accepted": [], "channel": "own", "archive_id": answer,
                             "documents": [{"url": "https://example.org/gdp", "fingerprint": "", "kind": "data"}]}
    for stage in checkpoints.STAGES[:stages]:
        own = {"extract": parts["staged"], "transform": parts["clean"]}.get(stage, [])
        checkpoints.write_manifest(workspace, Manifest(
            run_id, stage, {}, {}, own, {"in": 1, "out": 1}, "", facts | ({"table": {}} if table else {})))
    checkpoints.make_current(workspace, run_id)
    return run_id


def faults(workspace: Workspace) -> Iterator[str]:
    """Yield what is damaged of the runs that there are: a part, or the answer that it is of."""
    for run_id in checkpoints.run_ids(workspace):
        for stage in checkpoints.STAGES:
            if manifest := checkpoints.read_manifest(workspace, run_id, stage):
                own = [part for part in manifest.parts if checkpoints.is_own(part)]  # a picture is the newest run's
                yield from filter(None, [checkpoints.damage(workspace, own)])
                if stage == "extract":
                    Archive(workspace.archive).load(manifest.facts["archive_id"])


def files(workspace: Workspace) -> dict[str, bytes]:
    """Return all that there is but logs and locks."""
    return {str(path.relative_to(workspace.root)): path.read_bytes() for path in sorted(workspace.results.rglob("*"))
            if path.is_file() and path.name != ".lock"}


def lasting(workspace: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return the database but its ledger of arrivals, which tells their bytes; a rebuild knows those that stay."""
    return {name: rows for name, rows in content(workspace).items() if name != "etl_load"}


def removed(workspace: Workspace, keep: int) -> Removed:
    told = Removed()
    retention.remove(workspace, keep, told)
    return told


def runs(workspace: Workspace) -> list[int]:
    """Return the numbers of the runs that there are, oldest first."""
    return [int(run_id[6:8]) for run_id in reversed(checkpoints.run_ids(workspace))]


def entries(workspace: Workspace) -> set[str]:
    return set(Archive(workspace.archive).ids())


if __name__ == "__main__":
    with lock.hold(Workspace(Path(sys.argv[-2]))):
        try:
            retention.remove(Workspace(Path(sys.argv[-2])), int(sys.argv[-1]), Removed())
        except OSError as error:
            sys.exit(str(named(error)))
