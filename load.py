"""Stage 3: clean records -> the database.

Publishes every vintage of the current run, each with its row in the ledger, and the picture; all or nothing.
"""

from __future__ import annotations

import json
import sys
from argparse import RawDescriptionHelpFormatter
from collections.abc import Iterator, Mapping
from typing import Any

from history.model import OBSERVED, Vintage, Witness
from pipeline import checkpoints, options, plan, staging
from pipeline.checkpoints import Manifest, Meter
from pipeline.countries import load_identity
from pipeline.errors import CheckpointError, ExitCode
from pipeline.parts import read_rows
from pipeline.stage import Stage, finished, run_stage, started
from rules.cleaning import half_up
from rules.indicators import MAIN
from rules.records import CleanRecord
from targets import BaseTarget, Batch, Counts, Picture, open_target
from utils import Parser, Workspace, add_common_options, utc_now


def build_parser() -> Parser:
    """Return the parser of load.py."""
    parser = Parser(prog="load.py", formatter_class=RawDescriptionHelpFormatter, description=(
        "Publish what transform cleaned in the database, all or nothing.\n\n"
        "  python load.py\n"
        "  python load.py --rebuild\n"))
    options.add_load_options(parser)
    add_common_options(parser)
    return parser


def body(stage: Stage) -> ExitCode:
    """Publish the batches of the current run that the ledger does not hold, and the picture."""
    meter = Meter()
    rebuild = stage.options.rebuild
    target = open_target(stage.options.target, stage.workspace, rebuild=rebuild)
    before = checkpoints.require(stage.workspace, "transform")
    origin = checkpoints.require(stage.workspace, "extract")
    if not rebuild and not plan.why_run(stage.workspace, "load", before.run_id, stage.options):
        stage.report.emit("skipped", "skipped: its checkpoint is whole and nothing before it changed")
        return ExitCode.DONE
    new = rebuild or (target.answers and not target.query("loaded", {}))
    batches = kept_batches(stage) if new else [(told, before, origin) for told in before.facts["batches"]]
    started(stage, f"publishing {len(batches)} batch(es) in {stage.options.target}")
    figures = witnesses = 0
    with target:
        describe(target)
        # Newest first: the target keeps the figures of the newest vintage, and need not write any older one.
        for told, after, by in sorted(batches, key=lambda each: Vintage(**each[0]["vintage"]).order, reverse=True):
            counts = publish(stage.workspace, target, told, after, by)
            figures, witnesses = figures + counts.figures, witnesses + counts.witnesses
        kept = show(stage, target, before, origin)
    total = sum(told["balance"]["out"] for told, _, _ in batches)
    finish(stage, meter, before, total)
    finished(stage, f"{total:,} figures in {len(batches)} batch(es), {figures:,} written as the newest",
             rows_in=total, rows_out=total, figures=figures, witnesses=witnesses, kept=kept)
    return ExitCode.DONE


def describe(target: BaseTarget) -> None:
    """Bring the target's countries up to the project's table."""
    identity = load_identity()
    target.describe(identity.countries(), identity.version)


def kept_batches(stage: Stage) -> list[tuple[Mapping[str, Any], Manifest, Manifest]]:
    """Return the batches of every run whose clean records are whole, for a rebuild; others are named and left out."""
    found = []
    for run_id in reversed(checkpoints.run_ids(stage.workspace)):  # of equal vintages the later run is the newer word
        try:
            after = checkpoints.read_manifest(stage.workspace, run_id, "transform")
            origin = checkpoints.read_manifest(stage.workspace, run_id, "extract")
        except CheckpointError as error:
            stage.report.warn(f"run {run_id} is left out: {error.what}")
            continue
        if after is None or origin is None:
            continue
        for told in after.facts["batches"]:
            fault = checkpoints.damage(stage.workspace, [p for p in after.parts if p.relative_path in told["parts"]])
            if fault:
                vintage = staging.described(Vintage(**told["vintage"]))
                stage.report.warn(f"{vintage} of run {run_id} is left out: {fault}")
            else:
                found.append((told, after, origin))
    return found


def publish(workspace: Workspace, target: BaseTarget, told: Mapping[str, Any], before: Manifest,
            origin: Manifest) -> Counts:
    """Publish one vintage."""
    facts = origin.facts
    witness = Witness(channel=facts["channel"], archive_id=facts["archive_id"], digest=told["digest"],
                      sha256=facts["documents"][0]["fingerprint"], fetched_at=told["fetched_at"],
                      url=facts["documents"][0]["url"])
    batch = Batch(Vintage(**told["vintage"]), told["digest"], told["balance"]["out"], told["picture_year"],
                  clean_records(workspace, told), witness, before.run_id, before.facts["accepted"])
    return target.publish(batch, batch.batch_id)


def clean_records(workspace: Workspace, told: Mapping[str, Any]) -> Iterator[CleanRecord]:
    """Yield the clean records of a batch from its parts."""
    for path in told["parts"]:
        rows = read_rows(workspace.resolve(path))
        next(rows)
        for iso3, indicator, year, text, decimals, forecast, locator in rows:
            yield CleanRecord(iso3, indicator, int(year), text, int(decimals), int(forecast) if forecast else None,
                              locator)


def show(stage: Stage, target: BaseTarget, before: Manifest, origin: Manifest) -> str:
    """Show the newest picture of the dataset asked for: this run's, or the one of a newer vintage already there.

    Returns a sentence where the picture is not of this run.
    """
    vintage = staging.vintage_of(origin)
    if origin.facts["picture"]["main"] != MAIN:
        target.keep_picture(before.run_id)
        return "there is no GDP in it, so the picture stays as it is"
    known = [Vintage(vintage.dataset, **row) for row in target.query("vintages", {"dataset": vintage.dataset})]
    if vintage.dating != OBSERVED:  # what only the day of fetching dates keeps no edition of the publisher's out
        known = [each for each in known if each.dating != OBSERVED]
    newest = max([vintage, *known], key=lambda each: each.order)
    asked = {"dataset": newest.dataset, "label": newest.label, "updated": newest.updated}
    rows = target.query("newest_picture", asked) if newest.order > vintage.order else []
    if not rows:  # this run's is the newest, or a newer vintage has no GDP to show
        target.show(picture_of(stage.workspace, before, origin))
        return ""
    note = f"the picture is of {staging.described(newest)}, the newest of its dataset"
    stage.report.note(note)
    shown = target.query("picture_vintage", {})
    if shown and asked.items() <= shown[0].items():
        target.keep_picture(before.run_id)
        return note
    target.show(Picture(newest, rows[0]["Channel"], before.run_id, [
        row | {"GDP_USD_billion": float(half_up(row["GDP_as_published"]))} for row in rows]))
    return note


def picture_of(workspace: Workspace, before: Manifest, origin: Manifest) -> Picture:
    """Read the clean picture that transform left."""
    rows = json.loads(workspace.resolve(before.facts["picture"]["path"]).read_text(encoding="utf-8"))
    return Picture(staging.vintage_of(origin), origin.facts["channel"], before.run_id, rows)


def finish(stage: Stage, meter: Meter, before: Manifest, total: int) -> None:
    """Write the stage's manifest."""
    checkpoints.write_manifest(stage.workspace, meter.manifest(
        run_id=before.run_id, step_id="load", parameters=plan.parameters("load", stage.options),
        inputs={"transform": before.digest}, parts=[], balance={"in": total, "out": total}, code=plan.code("load"),
        facts={"transform": before.digest, "loaded": utc_now()}))  # else every load would look the same to report


if __name__ == "__main__":
    sys.exit(run_stage("load", build_parser, body))
