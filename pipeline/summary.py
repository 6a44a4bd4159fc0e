"""What etl_process.py says at the end, and what --status and --dry-run say in its place."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import large
from pipeline import checkpoints, choice, monitor
from pipeline.checkpoints import STAGES
from pipeline.errors import CheckpointError, WorldEconomiesError
from pipeline.options import SQLITE
from pipeline.runner import Outcome
from pipeline.secrets import redact_text
from utils import Workspace

if TYPE_CHECKING:
    from targets import BaseTarget


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
        return base | self.outcome.measured() | {
            "rows_in": result.get("rows_in"), "rows_out": result.get("rows_out"),
            "quarantined": result.get("quarantined", 0), "balance": result.get("balance", {})}


def table(lines: Sequence[Line]) -> str:
    """Return the summary: stage, ran or skipped and why, rows in and out, quarantined, set aside, seconds, memory."""
    from tabulate import tabulate

    rows = []
    for line in lines:
        told = line.told()
        rows.append([line.stage, line.what, _short(line.why), _count(told.get("rows_in")), _count(told.get("rows_out")),
                     _count(told.get("quarantined")), _aside(told.get("balance", {})),
                     f"{told['seconds']:.2f}" if line.outcome else "",
                     f"{told['peak_memory'] / 2**20:.0f} MiB" if line.outcome else ""])
    heads = ["stage", "", "why", "rows in", "rows out", "quarantined", "set aside", "seconds", "peak memory"]
    return tabulate(rows, headers=heads, disable_numparse=True, tablefmt="simple",
                    colalign=("left", "left", "left", *["right"] * 6))


def _short(why: str, most: int = 60) -> str:
    """Return a reason that leaves room for the figures beside it; the whole of it stands above the table."""
    return why if len(why) <= most else why[: most - 3].rstrip() + "..."


def _count(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else ""


def _aside(balance: Mapping[str, int]) -> str:
    """Return the rows that are neither out nor quarantined: aggregates, no value, not asked for, duplicates."""
    return _count(sum(count for name, count in balance.items() if name.startswith(("set aside", "duplicate"))) or None)


def first_line(result: Mapping[str, Any]) -> str:
    """Return what the run is of: dataset, vintage and channel, after a fall-back why, and what the picture is of."""
    text = str(result.get("described", ""))
    if result.get("fallbacks"):
        text += "; fell back, because " + "; ".join(result["fallbacks"])
    if result.get("engine"):
        text += f"; by {result['engine']}"
    if result.get("kept"):
        text += f"; {result['kept']}"
    return text


def dry_run(workspace: Workspace, options: argparse.Namespace) -> str:
    """Return what would run, why, and how long it took before."""
    lines = []
    for stage in STAGES:
        chosen = choice.choose(workspace, stage, options)
        asks = chosen.runs or options.only or options.from_stage or stage == "extract"
        would = f"would run: {chosen.why}" if chosen.runs else f"would be skipped: {chosen.why}"
        lines.append(f"{stage:<10} {would}" + ("" if asks else ", unless extract has something new")
                     + _before(workspace, stage))
    return "\n".join(lines)


def _before(workspace: Workspace, stage: str) -> str:
    """Return how long the stage took in the last run that has it."""
    for run_id in checkpoints.run_ids(workspace):
        if manifest := monitor.manifest_of(workspace, run_id, stage):
            return f" (took {manifest.seconds:.2f} s in run {run_id})"
    return ""


def status(workspace: Workspace, target: str, form: str = "table", most: int = 10) -> tuple[str, bool]:
    """Return the last runs with their stages and the targets, every byte of them read, and whether all is whole.

    form: "json" for programs, with all that monitors ask (pipeline/monitor.py). The picture and the page are of the
    current run: an older one is not damaged because they are another's by now.
    """
    current = checkpoints.current_run(workspace)
    runs = [_run(workspace, run_id, current) for run_id in checkpoints.run_ids(workspace)[:most]]
    if not runs and form != "json":  # one that failed before it had figures left no run
        nothing = "There is no run yet; python etl_process.py begins one."
        return "\n".join([nothing, *_last_lines(monitor.last_run(workspace))]), True
    opened = list(_opened(workspace, target))
    states = [_target_state(each) for each in opened]
    said = [*states, *(state for run in runs for state in run["stages"].values())]
    whole = not any(state.startswith("damaged: ") for state in said)
    if form == "json":
        told = monitor.gathered(workspace, opened)
        for each, state in zip(told["targets"], states, strict=True):
            each["state"] = redact_text(state)
        return json.dumps({"whole": whole, **told, "runs": runs}, ensure_ascii=False, indent=2), whole
    lines = [line for run in runs for line in _run_lines(run)]
    lines += _last_lines(monitor.last_run(workspace))
    return "\n".join([*lines, *(f"{each.shown}  {state}" for each, state in zip(opened, states, strict=True))]), whole


def _run(workspace: Workspace, run_id: str, current: str) -> dict[str, Any]:
    """Return a run with the state of each of its stages in words."""
    return {"run_id": run_id, "finished": checkpoints.is_finished(workspace, run_id), "current": run_id == current,
            "stages": {stage: redact_text(_state(workspace, run_id, stage, current)) for stage in STAGES}}


def _run_lines(run: Mapping[str, Any]) -> Iterator[str]:
    yield (f"{run['run_id']}  {'finished' if run['finished'] else 'unfinished'}"
           f"{'  (current)' if run['current'] else ''}")
    yield from (f"  {stage:<10} {state}" for stage, state in run["stages"].items())


def _last_lines(last: Mapping[str, Any]) -> Iterator[str]:
    """Yield how the last run ended, where that is known."""
    if last:
        well = f"; the last to end well: {last['succeeded']}" if last.get("exit_code") and last.get("succeeded") else ""
        yield f"last run ended {last.get('ended')} with exit {last.get('exit_code')}{well}"


def _opened(workspace: Workspace, target: str) -> Iterator[BaseTarget]:
    """Yield the targets that --target names, and the databases of the regions where there are any.

    These alone where there are no others, and --target names none.
    """
    from targets import open_targets

    named = {each.shown: each for each in open_targets(target, workspace)}
    if (workspace.database.parent / large.REGIONS).is_dir():
        if list(named) == [SQLITE] and not workspace.database.exists():
            del named[SQLITE]
        named |= {each.shown: each for each in open_targets(large.REGIONS, workspace)}
    yield from named.values()


def _target_state(opened: BaseTarget) -> str:
    try:
        if fault := opened.fault():
            return f"damaged: {fault}; python load.py --rebuild makes it again"
        held = opened.query("loaded", {})
    except WorldEconomiesError as error:
        return f"not asked: {error.what}"
    return f"whole, {held[0]['batches']} batches" if held else "not there yet"


def _state(workspace: Workspace, run_id: str, stage: str, current: str) -> str:
    try:
        manifest = checkpoints.read_manifest(workspace, run_id, stage)
    except CheckpointError as error:
        return f"damaged: {error.what}"
    if manifest is None:
        return "no checkpoint"
    parts = [part for part in manifest.parts if run_id == current or checkpoints.is_own(part)]
    try:
        fault = checkpoints.damage(workspace, parts, storage=manifest.storage)
    except WorldEconomiesError as error:
        return f"not verified: {error.what}"
    files = f"{len(parts)} file(s) verified, " if parts else ""
    return f"damaged: {fault}" if fault else f"{files}{manifest.balance['out']:,} rows, {manifest.ended}"
