"""What monitors ask: how the last run ended, what each stage took, how the source and the targets are.

log/last_run.json keeps the summary of the last run, and when one last ended well; the rest is in the manifests of the
current run, and asked of the targets. `--status --format json` tells it as JSON, pipeline/metrics.py as Prometheus
reads it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from pipeline import checkpoints
from pipeline.checkpoints import STAGES, Manifest, Meter
from pipeline.errors import CheckpointError, ExitCode, WorldEconomiesError
from pipeline.logs import without_secrets
from pipeline.stage import named
from utils import VERSION, Workspace, read_bytes, utc_now, write_json

if TYPE_CHECKING:
    from pipeline.stage import Stage
    from targets import BaseTarget

LAST = "last_run.json"
PICTURE = ("dataset", "label", "published", "updated", "channel", "run_id", "year", "economies")
MEASURED = ("seconds", "cpu_seconds", "peak_memory")
ROWS = ("rows_in", "rows_out", "quarantined")


class Ending:
    """Tells monitors how a run ends, whatever ends it; inside `with` the run.

    What it writes is complete or absent, and what cannot be written is a warning that changes nothing.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.meter = Meter()
        self.told = False

    def __enter__(self) -> Ending:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if error is not None and not self.told:
            self.tell(content_of(error))

    def tell(self, content: Mapping[str, Any]) -> None:
        """Keep the summary of the run, and write the metrics where they are asked for."""
        self.told = True
        stage, chosen = self.stage, self.stage.options
        last = dict(content)
        try:
            last = remembered(stage.workspace, content, started=self.meter.started, seconds=self.meter.seconds(),
                              whole=not chosen.only)
            keep(stage.workspace, last)
        except (OSError, WorldEconomiesError) as error:
            stage.report.warn(f"log/{LAST} could not be written: {error}")
        if chosen.metrics:
            from pipeline import metrics

            if fault := metrics.write(chosen.metrics, stage.workspace, chosen.target, last):
                stage.report.warn(f"the metrics could not be written: {fault}")


def content_of(error: BaseException) -> dict[str, Any]:
    """Return the summary of a run that ended before it had one, by the exit code that it is going to end with."""
    error = named(error) if isinstance(error, Exception) else error
    if isinstance(error, WorldEconomiesError):
        return {"exit_code": int(error.exit_code), "failure": error.lines()}
    code = ExitCode.INTERRUPTED if isinstance(error, KeyboardInterrupt) else ExitCode.FAULT
    return {"exit_code": int(code), "failure": [f"{type(error).__name__}: {error}"]}


# --- the last run ---------------------------------------------------------------------------------------------------


def last_run(workspace: Workspace) -> dict[str, Any]:
    """Return what keep() wrote, {} where there is nothing that can be read."""
    try:
        content = json.loads(read_bytes(_place(workspace)))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def remembered(workspace: Workspace, content: Mapping[str, Any], *, started: str, seconds: float,
               whole: bool) -> dict[str, Any]:
    """Return the summary of a run that ends now, with its times and those of what it did not reach, without secrets.

    asked: when the source last answered. succeeded: when a run last did what it should; whole: this one was to bring
    the target up to date, and is no single stage.
    """
    before, now = last_run(workspace), utc_now()
    asked = any(line.get("stage") == STAGES[0] and line.get("exit_code") == 0 for line in content.get("stages", ()))
    done = content["exit_code"] == 0 and whole
    told: dict[str, Any] = without_secrets(dict(content) | {
        "version": VERSION, "started": started, "ended": now, "seconds": round(seconds, 3),
        "asked": now if asked else before.get("asked", ""),
        "succeeded": now if done else succeeded(workspace, before)})
    return told


def keep(workspace: Workspace, told: Mapping[str, Any]) -> None:
    """Write log/last_run.json. Raises OSError, DiskFull."""
    for left in _place(workspace).parent.glob(f".{LAST}-*.tmp"):  # a killed run's
        left.unlink(missing_ok=True)
    write_json(_place(workspace), told)


def succeeded(workspace: Workspace, last: Mapping[str, Any]) -> str:
    """Return when a run last ended well, where the log was removed when the newest finished one was loaded, or ""."""
    if last.get("succeeded"):
        return str(last["succeeded"])
    for run_id in checkpoints.run_ids(workspace):
        if checkpoints.is_finished(workspace, run_id) and (manifest := manifest_of(workspace, run_id, "load")):
            return manifest.ended
    return ""


def manifest_of(workspace: Workspace, run_id: str, stage: str) -> Manifest | None:
    """Return a manifest, None where there is none or where it is damaged."""
    try:
        return checkpoints.read_manifest(workspace, run_id, stage) if run_id else None
    except CheckpointError:
        return None


def newest_of(workspace: Workspace, stage: str) -> Manifest | None:
    """Return the manifest of a stage of the current run, or of the newest that has one: the others end unfinished."""
    runs = dict.fromkeys([checkpoints.current_run(workspace), *checkpoints.run_ids(workspace)])
    return next(filter(None, (manifest_of(workspace, run_id, stage) for run_id in runs)), None)


def _place(workspace: Workspace) -> Path:
    return workspace.log.with_name(LAST)


# --- everything -----------------------------------------------------------------------------------------------------


def gathered(workspace: Workspace, opened: Sequence[BaseTarget], last: Mapping[str, Any] | None = None
             ) -> dict[str, Any]:
    """Return all that monitors are told, without secrets; last: the summary of the last run where it is known already.

    Times are ISO texts in UTC, "" where there is none yet; memory and sizes are bytes. Nothing is verified: see
    pipeline/summary.py. A target that does not answer is told as such.
    """
    last = last_run(workspace) if last is None else last
    origin = manifest_of(workspace, checkpoints.current_run(workspace), STAGES[0])
    manifests = {stage: newest_of(workspace, stage) for stage in STAGES}
    told: dict[str, Any] = without_secrets({
        "version": VERSION, "workspace": str(workspace.root), "last_run": dict(last) or None,
        "last_success": succeeded(workspace, last), "source": _source(origin, last),
        "stages": {stage: found for stage, manifest in manifests.items() if (found := _stage(stage, manifest, last))},
        "targets": [_target(each, workspace) for each in opened]})
    return told


def _source(extract: Manifest | None, last: Mapping[str, Any]) -> dict[str, Any]:
    """Return when the source last answered, when what the current run reads came, and who did not answer before."""
    documents = extract.facts.get("documents", ()) if extract else ()
    return {"asked": last.get("asked") or (extract.ended if extract else ""),
            "fetched": max((each["fetched_at"] for each in documents), default=""),
            "fallbacks": list(last.get("fallbacks") or (extract.facts.get("fallbacks", ()) if extract else ()))}


def _stage(stage: str, manifest: Manifest | None, last: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a stage took when it was last at work; its rows are those of its last end, {} before the first."""
    found: dict[str, Any] = {}
    if manifest:
        found = {name: getattr(manifest, name) for name in MEASURED}
        found |= {"rows_in": manifest.balance["in"], "rows_out": manifest.balance["out"],
                  "quarantined": manifest.balance.get("quarantined", 0), "ended": manifest.ended}
    if manifest and manifest.ended > last.get("ended", ""):
        return found  # run by hand since
    line: dict[str, Any] = next((line for line in last.get("stages", ()) if line.get("stage") == stage), {})
    names = (*MEASURED, *(ROWS if isinstance(line.get("rows_in"), int) else ()))
    found |= {name: line[name] for name in names if line.get(name) is not None}
    return found | ({"failed": line.get("what") == "failed"} if found else {})


def _target(opened: BaseTarget, workspace: Workspace) -> dict[str, Any]:
    """Return what a target tells of itself: sizes, what it holds, its picture, and what the two tables take."""
    from questions.profile import seconds_of_tables

    told: dict[str, Any] = {"target": opened.shown}
    if not opened.answers:
        return told
    try:
        told |= {name: value for name, value in asdict(opened.measures()).items() if value is not None}
        for row in opened.query("loaded", {}):
            told |= {name: row[name] for name in ("batches", "figures")}
        for row in opened.query("picture_vintage", {}):
            told["picture"] = {name: row[name] for name in PICTURE if name in row}
        if opened.history and "picture" in told:
            told["query_seconds"] = seconds_of_tables(opened, workspace)
    except WorldEconomiesError as error:
        return told | {"up": False, "fault": error.what}
    except Exception as error:  # noqa: BLE001  a target of the user's own may raise anything; the others are told
        return told | {"up": False, "fault": f"{type(error).__name__}: {error}"}
    return told | {"up": True}
