"""What each stage's checkpoint depends on beside its input: its code and its options, for stages and runner alike."""

from __future__ import annotations

import argparse
from difflib import get_close_matches
from functools import cache
from typing import Any

import targets
from pipeline import checkpoints, schema
from pipeline.errors import CheckpointError, UsageError
from rules import gates
from rules.indicators import MAIN
from targets import BaseTarget
from utils import Workspace, code_digest

QUICK = 64 * 2**20  # bytes of a database that are read to see whether it is whole, though there is nothing to do
_SHARED = ("utils.py", "pipeline", "history", "large")
_CODE = {
    "extract": ("extract.py", *_SHARED, "sources", "rules", "engines/_arrow.py"),
    "transform": ("transform.py", *_SHARED, "engines", "rules", "data/country_region_table.json"),
    "load": ("load.py", *_SHARED, "targets", "rules", "sql", "data/country_region_table.json"),
    "report": ("report.py", *_SHARED, "questions", "reports", "rules", "targets", "sql",
               "data/world_map.json"),
}


@cache
def code(stage: str) -> str:
    """Return the digest of the code a stage's result depends on."""
    return code_digest(_CODE[stage])


def parameters(stage: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return the options that matter to a stage after extract.

    Raises UsageError for an unknown gate, a schema that cannot be read.
    """
    if stage == "transform":
        engine = {"engine": options.engine} if options.engine else {}
        return {"accept": [gate for gate in checked_gates(options.accept) if gate in gates.OF_FIGURES]} | engine
    if stage == "load":
        told = {"schema": schema.identity(options.schema)} if getattr(options, "schema", "") else {}
        return {"target": targets.shown(options.target)} | told
    names = ("min_gdp", "top", "region", "year", "format", "no_csv")
    return {"target": targets.shown(options.target), "html": bool(options.html or not options.no_html)} | {
        name: getattr(options, name) for name in names}


def checked_gates(accept: list[str]) -> list[str]:
    """Return the gates to let through, sorted. Raises UsageError for an unknown one."""
    unknown = sorted(set(accept) - set(gates.NAMES))
    if unknown:
        near = get_close_matches(unknown[0], gates.NAMES, 1)
        raise UsageError(f"There is no gate named {unknown[0]!r}" + (f"; did you mean {near[0]}?" if near else ""),
                         safe="nothing was changed",
                         next_command=f"--accept takes one of {', '.join(gates.NAMES)}")
    return sorted(set(accept))


def why_run(workspace: Workspace, stage: str, run_id: str, options: argparse.Namespace) -> str:
    """Return why a stage after extract must run, "" where its checkpoint and what it made still stand."""
    asked = parameters(stage, options)
    if stage == "transform":
        asked = _accepted_before(workspace, run_id, asked)
    reason = checkpoints.why_run(workspace, stage, run_id, asked, code(stage))
    if reason or stage != "load":
        return reason
    if checkpoints.refused(workspace, run_id):  # a rebuild made the database again without it
        return "a gate refused its figures"
    return _why_load(workspace, run_id, options.target)


def _accepted_before(workspace: Workspace, run_id: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a finished transform where its --accept covers what is asked: a word once is enough."""
    try:
        manifest = checkpoints.read_manifest(workspace, run_id, "transform") if run_id else None
    except CheckpointError:
        return asked
    if manifest and set(asked["accept"]) <= set(manifest.parameters.get("accept", ())):
        return manifest.parameters
    return asked


def _why_load(workspace: Workspace, run_id: str, text: str) -> str:
    """Return why a target must be written although its checkpoint stands: it is gone, or shows another run."""
    found = (_why_into(workspace, run_id, target) for target in targets.open_targets(text, workspace) if target.answers)
    return next(filter(None, found), "")


def _why_into(workspace: Workspace, run_id: str, opened: BaseTarget) -> str:
    """Return why this target must be written, "" where it need not."""
    if fault := opened.fault(QUICK):
        return f"the database is damaged: {fault}"
    shown = opened.query("picture_vintage", {})
    if shown:
        return "" if shown[0]["run_id"] == run_id else f"the database shows the picture of run {shown[0]['run_id']}"
    origin = checkpoints.read_manifest(workspace, run_id, "extract")
    without = origin is not None and origin.facts["picture"]["main"] != MAIN
    return "" if without and opened.query("loaded", {}) else "the database has no picture"
