"""Stage 3: clean records -> the database.

Publishes every vintage of the current run, each with its row in the ledger, and the picture; all or nothing.
"""

from __future__ import annotations

import json
import sys
from argparse import RawDescriptionHelpFormatter
from collections.abc import Iterator, Mapping
from typing import Any

from history.model import Vintage, Witness
from pipeline import checkpoints, options, plan, staging
from pipeline.checkpoints import Manifest, Meter
from pipeline.errors import ExitCode
from pipeline.parts import read_rows
from pipeline.stage import Stage, finished, run_stage, started
from rules.identity import Identity
from rules.records import CleanRecord
from targets import BaseTarget, Batch, Picture, open_target
from utils import PROJECT, Parser, Workspace, add_common_options


def build_parser() -> Parser:
    """Return the parser of load.py."""
    parser = Parser(prog="load.py", formatter_class=RawDescriptionHelpFormatter, description=(
        "Publish what transform cleaned in the database, all or nothing.\n\n"
        "  python load.py\n"))
    options.add_load_options(parser)
    add_common_options(parser)
    return parser


def body(stage: Stage) -> ExitCode:
    """Publish the batches of the current run that the ledger does not hold, and the picture."""
    meter = Meter()
    target = open_target(stage.options.target, stage.workspace)
    before = checkpoints.require(stage.workspace, "transform")
    origin = checkpoints.require(stage.workspace, "extract")
    batches = before.facts["batches"]
    started(stage, f"publishing {len(batches)} vintage(s) in {stage.options.target}")
    figures = witnesses = 0
    with target:
        table = json.loads((PROJECT / "data" / "country_region_table.json").read_text(encoding="utf-8"))
        identity = Identity(table)
        target.describe(identity.countries(), identity.version)
        # Newest first: the target keeps the figures of the newest vintage, and need not write any older one.
        for told in sorted(batches, key=lambda each: Vintage(**each["vintage"]).order, reverse=True):
            counts = publish(stage.workspace, target, told, before, origin)
            figures, witnesses = figures + counts[0], witnesses + counts[1]
        target.show(picture_of(stage.workspace, before, origin))
    total = before.balance["out"]
    finish(stage, meter, before, total)
    finished(stage, f"{total:,} figures in {len(batches)} vintage(s), {figures:,} of the newest written",
             rows_in=total, rows_out=total, figures=figures, witnesses=witnesses)
    return ExitCode.DONE


def publish(workspace: Workspace, target: BaseTarget, told: Mapping[str, Any], before: Manifest,
            origin: Manifest) -> tuple[int, int]:
    """Publish one vintage; returns figures written and witnesses added."""
    facts = origin.facts
    witness = Witness(channel=facts["channel"], archive_id=facts["archive_id"], digest=told["digest"],
                      sha256=facts["documents"][0]["fingerprint"], fetched_at=told["fetched_at"],
                      url=facts["documents"][0]["url"])
    batch = Batch(Vintage(**told["vintage"]), told["digest"], told["balance"]["out"], clean_records(workspace, told),
                  witness, before.run_id, before.facts["accepted"])
    counts = target.publish(batch, batch.batch_id)
    return counts.figures, counts.witnesses


def clean_records(workspace: Workspace, told: Mapping[str, Any]) -> Iterator[CleanRecord]:
    """Yield the clean records of a batch from its parts."""
    for path in told["parts"]:
        rows = read_rows(workspace.resolve(path))
        next(rows)
        for iso3, indicator, year, text, decimals, forecast, locator in rows:
            yield CleanRecord(iso3, indicator, int(year), text, int(decimals), int(forecast) if forecast else None,
                              locator)


def picture_of(workspace: Workspace, before: Manifest, origin: Manifest) -> Picture:
    """Read the clean picture that transform left."""
    rows = json.loads(workspace.resolve(before.facts["picture"]["path"]).read_text(encoding="utf-8"))
    return Picture(staging.vintage_of(origin), origin.facts["channel"], before.run_id, rows)


def finish(stage: Stage, meter: Meter, before: Manifest, total: int) -> None:
    """Write the stage's manifest."""
    checkpoints.write_manifest(stage.workspace, meter.manifest(
        run_id=before.run_id, step_id="load", parameters=plan.parameters("load", stage.options),
        inputs={"transform": before.digest}, parts=[], balance={"in": total, "out": total}, code=plan.code("load")))


if __name__ == "__main__":
    sys.exit(run_stage("load", build_parser(), body))
