"""Which stages a command runs, and why: one sentence for each that runs and for each that does not."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from pipeline import checkpoints, plan
from pipeline.checkpoints import STAGES
from pipeline.errors import WorldEconomiesError
from targets import open_target
from utils import Workspace

WHOLE = "its checkpoint is whole and nothing before it changed"


@dataclass(frozen=True)
class Choice:
    """Whether a stage runs, and why."""

    runs: bool
    why: str


def choose(workspace: Workspace, stage: str, options: argparse.Namespace) -> Choice:
    """Return whether a stage runs now, and why; a checkpoint or database that cannot be read is a reason to run."""
    at = STAGES.index(stage)
    if options.only:
        return Choice(stage == options.only, "--only" if stage == options.only else f"--only {options.only}")
    if options.from_stage and at < STAGES.index(options.from_stage):
        return Choice(False, f"--from {options.from_stage}")
    if stage == "extract":
        return Choice(True, "it parses archived bytes" if options.from_archive else "it asks the source")
    if stage == "report" and not open_target(options.target, workspace).answers:
        return Choice(False, f"the target {options.target} answers no queries")
    try:
        reason = plan.why_run(workspace, stage, checkpoints.current_run(workspace), options)
    except WorldEconomiesError as error:
        reason = f"{error.where}: {error.what}" if error.where else error.what
    return Choice(bool(reason), reason or WHOLE)
