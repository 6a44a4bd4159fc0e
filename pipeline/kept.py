"""The clean records that a workspace keeps of its runs, as batches: what a target lacks of them is brought to it.

A run counts as loaded that its own manifest or any target says so of: a load that was killed after it had published, or
that came into one of two targets, left no manifest.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING

from history.model import Scope, Vintage, Witness
from pipeline import checkpoints, staging
from pipeline.checkpoints import Manifest
from pipeline.errors import CheckpointError, WorldEconomiesError
from pipeline.parts import read_rows
from targets import BaseTarget, Batch
from utils import Workspace

if TYPE_CHECKING:
    from pipeline.stage import Stage

Held = Mapping[tuple[str, str], Sequence[str]]  # run and batch -> gates let through with it


def committed(targets: Sequence[BaseTarget], *, rebuild: bool) -> Held:
    """Return what any of the targets holds before the first is written; one that cannot tell holds nothing.

    A single target is asked only before it is made again: it lacks nothing that it holds.
    """
    found: dict[tuple[str, str], Sequence[str]] = {}
    for target in targets if rebuild or len(targets) > 1 else ():
        with contextlib.suppress(WorldEconomiesError):  # it is told when its turn comes
            if target.history and not (rebuild and target.fault()):
                found |= _held(target)
    return found


def _held(target: BaseTarget) -> Held:
    return {(row["run_id"], row["batch_id"]): [gate for gate in row["accepted"].split(",") if gate]
            for row in target.query("run_batches", {})}


def lacking(stage: Stage, target: BaseTarget, elsewhere: Held, current: Manifest) -> list[Batch]:
    """Return the batches of every loaded run that the target does not hold and whose records are whole, oldest first.

    elsewhere: of committed(). current: the transform of the current run, whose batches are left to be judged against
    what this target holds, which may be another's word; but not in a rebuild that finds them loaded.
    """
    held = _held(target)
    runs = {run_id for run_id, _ in held}
    found: list[Batch] = []
    for run_id in sorted(checkpoints.run_ids(stage.workspace)):
        try:
            after = checkpoints.read_manifest(stage.workspace, run_id, "transform")
            origin = checkpoints.read_manifest(stage.workspace, run_id, "extract")
            own = checkpoints.read_manifest(stage.workspace, run_id, "load")
        except CheckpointError as error:
            if run_id not in runs:  # else it came before it was damaged
                stage.report.warn(f"run {run_id} is left out: {error.what}")
            continue
        if after is None or origin is None or after.is_large or checkpoints.refused(stage.workspace, run_id):
            continue
        mine = run_id == current.run_id
        if mine and not stage.options.rebuild:
            continue
        loaded = is_loaded(own, after) if mine else own is not None
        for batch in batches_of(stage.workspace, after, origin, accepted(own)):
            key = run_id, batch.batch_id
            if key not in held and (loaded or key in elsewhere) and _whole(stage, after, batch):
                found.append(replace(batch, accepted=sorted({*batch.accepted, *elsewhere.get(key, ())})))
    return found


def is_loaded(own: Manifest | None, after: Manifest) -> bool:
    """Tell whether the manifest of a run's load is of these very figures."""
    return own is not None and own.inputs.get("transform") == after.digest


def accepted(own: Manifest | None) -> list[str]:
    """Return the gates of history that a run's load let through."""
    return list(own.facts.get("accepted", ())) if own else []


def _whole(stage: Stage, manifest: Manifest, batch: Batch) -> bool:
    """Tell whether the clean records of a batch are as they were written, and name those that are not."""
    told = next(told for told in manifest.facts["batches"] if told["digest"] == batch.digest)
    fault = checkpoints.damage(stage.workspace, [p for p in manifest.parts if p.relative_path in told["parts"]])
    if fault:
        stage.report.warn(f"{staging.described(batch.vintage)} of run {manifest.run_id} is left out: {fault}")
    return not fault


def batches_of(workspace: Workspace, before: Manifest, origin: Manifest, accept: Sequence[str]) -> list[Batch]:
    """Return the batches that a run's transform left."""
    facts, found = origin.facts, []
    for told in before.facts["batches"]:
        vintage = Vintage(**told["vintage"])
        scopes = [Scope(vintage, each["indicator"], tuple(each["years"]), each["complete"]) for each in told["scopes"]]
        witness = Witness(channel=facts["channel"], archive_id=facts["archive_id"], digest=told["digest"],
                          sha256=facts["documents"][0]["fingerprint"], fetched_at=told["fetched_at"],
                          url=facts["documents"][0]["url"])
        found.append(Batch(vintage, scopes, told["digest"], told["balance"]["out"], told["main"], told["picture_year"],
                           partial(clean_rows, workspace, told["parts"]), witness, before.run_id,
                           sorted({*before.facts["accepted"], *accept})))
    return found


def clean_rows(workspace: Workspace, parts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Return the clean records in these parts, as texts."""
    return chain.from_iterable(islice(read_rows(workspace.resolve(path)), 1, None) for path in parts)
