"""What etl_process.py says at the end, and what --status and --dry-run say in its place."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline import checkpoints, plan
from pipeline.checkpoints import STAGES
from pipeline.errors import CheckpointError
from pipeline.runner import Outcome
from utils import Workspace


@dataclass
class Line:
    """One stage in the summary: what became of it and why, and how it ended where it ran."""

    stage: str
    what: str
    why: str
    outcome: Outcome | None = None

    def told(self) -> dict[str, Any]:
        """Return the line for programs."""
        base: dict[str, Any] = {"stage": self.stage, "what": self.what, "why": self.why}
        if self.outcome is None:
            return base
        result = self.outcome.result
        return base | {
            "exit_code": self.outcome.code, "killed_by": self.outcome.killed_by, "rows_in": result.get("rows_in"),
            "rows_out": result.get("rows_out"), "quarantined": result.get("quarantined", 0),
            "balance": result.get("balance", {}), "seconds": round(self.outcome.seconds, 3),
            "cpu_seconds": round(self.outcome.cpu_seconds, 3), "peak_memory": self.outcome.peak_memory,
            "read_bytes": self.outcome.read_bytes, "written_bytes": self.outcome.written_bytes}


def table(lines: Sequence[Line]) -> str:
    """Return the summary: stage, ran or skipped and why, rows in and out, quarantined, seconds, peak memory."""
    from tabulate import tabulate

    rows = []
    for line in lines:
        told = line.told()
        rows.append([line.stage, line.what, line.why, _count(told.get("rows_in")), _count(told.get("rows_out")),
                     _count(told.get("quarantined")), f"{told['seconds']:.2f}" if line.outcome else "",
                     f"{told['peak_memory'] / 2**20:.0f} MiB" if line.outcome else ""])
    heads = ["stage", "", "why", "rows in", "rows out", "quarantined", "seconds", "peak memory"]
    return tabulate(rows, headers=heads, disable_numparse=True, tablefmt="simple",
                    colalign=("left", "left", "left", *["right"] * 5))


def _count(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else ""


def first_line(result: Mapping[str, Any]) -> str:
    """Return what the run is of: dataset, vintage and channel, and after a fall-back why it is no better."""
    text = str(result.get("described", ""))
    if result.get("fallbacks"):
        text += "; fell back, because " + "; ".join(result["fallbacks"])
    return text


def dry_run(workspace: Workspace, options: argparse.Namespace) -> str:
    """Return what would run, why, and how long it took before."""
    lines, run_id = [], checkpoints.current_run(workspace)
    lines.append(f"extract    would run: it asks {options.source} whether there is something new"
                 + _before(workspace, run_id, "extract"))
    for stage in STAGES[1:]:
        reason = plan.why_run(workspace, stage, run_id, options) if run_id else "there is no run yet"
        would = f"would run: {reason}" if reason else "would be skipped unless extract has something new"
        lines.append(f"{stage:<10} {would}{_before(workspace, run_id, stage)}")
    return "\n".join(lines)


def _before(workspace: Workspace, run_id: str, stage: str) -> str:
    manifest = _read(workspace, run_id, stage)
    return f" (took {manifest.seconds:.2f} s in run {run_id})" if manifest else ""


def _read(workspace: Workspace, run_id: str, stage: str) -> checkpoints.Manifest | None:
    """Return a manifest, None where there is none or where it is damaged."""
    try:
        return checkpoints.read_manifest(workspace, run_id, stage) if run_id else None
    except CheckpointError:
        return None


def status(workspace: Workspace, most: int = 10) -> str:
    """Return the last runs, their stages, and whether their checkpoints are whole, every byte of them read."""
    runs, current = checkpoints.run_ids(workspace)[:most], checkpoints.current_run(workspace)
    if not runs:
        return "There is no run yet; python etl_process.py begins one."
    lines = []
    for run_id in runs:
        state = "finished" if checkpoints.is_finished(workspace, run_id) else "unfinished"
        lines.append(f"{run_id}  {state}{'  (current)' if run_id == current else ''}")
        lines += [f"  {stage:<10} {_state(workspace, run_id, stage)}" for stage in STAGES]
    return "\n".join(lines)


def _state(workspace: Workspace, run_id: str, stage: str) -> str:
    try:
        manifest = checkpoints.read_manifest(workspace, run_id, stage)
    except CheckpointError as error:
        return f"damaged: {error.what}"
    if manifest is None:
        return "no checkpoint"
    fault = checkpoints.damage(workspace, manifest.parts)
    files = f"{len(manifest.parts)} file(s) verified, " if manifest.parts else ""
    return f"damaged: {fault}" if fault else f"{files}{manifest.balance['out']:,} rows, {manifest.ended}"
