"""Which stages a command runs, and why: one sentence for each that runs and for each that does not."""

from __future__ import annotations

import argparse
import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import large
from large.digests import digest_of
from pipeline import checkpoints, plan
from pipeline.checkpoints import STAGES
from pipeline.command import again
from pipeline.errors import CheckpointError, UsageError, WorldEconomiesError
from pipeline.options import AUTO
from targets import open_target, shown
from utils import Workspace, sha256_file

HEEDED = ("unit", "columns")  # options that make another run of the same files
HEEDED_OF_LARGE = (*HEEDED, "key", "sample")
WHOLE = "its checkpoint is whole and nothing before it changed"


@dataclass(frozen=True)
class Choice:
    """Whether a stage runs, and why."""

    runs: bool
    why: str


def meant(workspace: Workspace, options: argparse.Namespace) -> str:
    """Return the run that --from goes on with: the current one, or the newest of the source and files that are named.

    Raises UsageError where there is no run of them: what is typed for one run must not go on with another. Options
    that extract heeds and that are not typed may be any.
    """
    current = checkpoints.current_run(workspace)
    if options.source == AUTO and not options.input:
        return current
    is_large, storage = large.is_asked(options), large.storage_of(options)
    digest = digest_of if is_large else sha256_file
    asked = {"source": options.source, "vintage": options.vintage,
             # An object opens as a file does, which is all that digest_of() asks; others are refused for it by extract.
             "inputs": [digest(cast(Path, path)) if path.is_file() else "" for path in options.input or ()],
             "dataset": options.dataset or [path.name for path in options.input or ()]}
    heeded = HEEDED_OF_LARGE if is_large else HEEDED
    asked |= {name: value for name in heeded if (value := getattr(options, name))}
    for run_id in dict.fromkeys([current, *checkpoints.run_ids(workspace)]):
        with contextlib.suppress(CheckpointError):
            manifest = checkpoints.read_manifest(workspace, run_id, STAGES[0]) if run_id else None
            if manifest and asked.items() <= manifest.parameters.items() and manifest.storage == storage:
                return run_id
            if manifest and "from_archive" in manifest.parameters and run_id == current:
                return run_id  # it has no options of its own
    raise UsageError(f"There is no run of --source {options.source} with these files and options to go on with",
                     safe="nothing was changed", next_command=again(sys.argv[1:], drop={"--from": 1}))


def choose(workspace: Workspace, stage: str, options: argparse.Namespace) -> Choice:
    """Return whether a stage runs now, and why; a checkpoint or database that cannot be read is a reason to run."""
    at = STAGES.index(stage)
    if options.only:
        return Choice(stage == options.only, "--only" if stage == options.only else f"--only {options.only}")
    if options.from_stage and at < STAGES.index(options.from_stage):
        return Choice(False, f"--from {options.from_stage}")
    if stage == "extract":
        return Choice(True, "it parses archived bytes" if options.from_archive else "it asks the source")
    if stage == "load" and options.rebuild:
        return Choice(True, "--rebuild")
    try:
        if stage == "report" and not open_target(options.target, workspace).answers:
            return Choice(False, f"the target {shown(options.target)} answers no queries")
        reason = plan.why_run(workspace, stage, checkpoints.current_run(workspace), options)
    except WorldEconomiesError as error:
        reason = f"{error.where}: {error.what}" if error.where else error.what
    return Choice(bool(reason), reason or WHOLE)
