"""Stage 3: clean records -> the database.

Puts every vintage of the current run among those that are held, judges it against them, and shows the newest picture;
all or nothing.
"""

from __future__ import annotations

import contextlib
import gc
import json
import sys
from argparse import RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from history.model import OBSERVED, Vintage
from pipeline import checkpoints, drift, options, plan, staging
from pipeline.checkpoints import Manifest, Meter, Part
from pipeline.countries import load_identity
from pipeline.errors import CheckpointError, ExitCode, WorldEconomiesError
from pipeline.judging import Refused, judge, judge_kept, judge_list
from pipeline.kept import Held, accepted, batches_of, committed, is_loaded, lacking
from pipeline.stage import Stage, finished, run_stage, started
from rules import gates
from rules.cleaning import half_up
from rules.indicators import MAIN
from targets import BaseTarget, Batch, Counts, Picture, open_targets
from targets._losses import editions, refuse_losses
from utils import Parser, Workspace, add_common_options, utc_now

SQLITE = "sqlite"  # of --target, where none is named
FEW_COLLECTIONS = 100_000  # objects between two looks for cycles: ranges have none
BATCHES_AT_ONCE = 200  # batches read side by side: each has a file open


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
    """Publish the batches of the current run, judge them against what is held, and show the picture."""
    meter = Meter()
    rebuild, asked = stage.options.rebuild, plan.checked_gates(stage.options.accept)
    targets = open_targets(stage.options.target, stage.workspace, rebuild=rebuild)
    before = checkpoints.require(stage.workspace, "transform")
    origin = checkpoints.require(stage.workspace, "extract")
    if not rebuild and not plan.why_run(stage.workspace, "load", before.run_id, stage.options):
        stage.report.emit("skipped", "skipped: its checkpoint is whole and nothing before it changed")
        return ExitCode.DONE
    check = drift.check_of(stage, before)
    for target in targets:  # all of them, before the first is written
        check(target)
    if before.is_large:
        return large_table(stage, meter, before, origin)
    gc.set_threshold(FEW_COLLECTIONS, *gc.get_threshold()[1:])
    accept = accepted_so_far(stage, before.run_id, asked)
    elsewhere, done = committed(targets, rebuild=rebuild), list[Published]()
    for target in targets:
        try:
            done.append(publish(stage, target, before, origin, accept, asked, check, elsewhere))
        except WorldEconomiesError as error:
            if isinstance(error, Refused) and not done and not loaded_before(stage, before):
                checkpoints.refuse(stage.workspace, before.run_id, error.what)  # no target holds it
            if done:
                error.safe = f"{', '.join(each.target for each in done)}: loaded; {target.shown}: as it was"
            raise
    if any(each.arrived for each in done):
        checkpoints.let_through(stage.workspace, before.run_id)
    first = done[0]
    finish(stage, meter, before, first.batches, first.quarantine, accept)
    finished(stage, "; ".join(each.words for each in done), rows_in=first.figures, rows_out=first.figures,
             ranges=first.ranges, kept=first.note, witnesses=first.witnesses,
             quarantine=[p.relative_path for p in first.quarantine],
             quarantined=sum(part.rows for part in first.quarantine))
    return ExitCode.DONE


def loaded_before(stage: Stage, before: Manifest) -> bool:
    """Tell whether these figures came into some target before: what another one refuses stays among those of that."""
    with contextlib.suppress(CheckpointError):
        return is_loaded(checkpoints.read_manifest(stage.workspace, before.run_id, "load"), before)
    return False


@dataclass(frozen=True)
class Published:
    """What became of the batches in one target.

    batches: what was given to it. arrived: whether this run's own were among them. note: where its picture is another's
    """

    target: str
    history: bool
    batches: Sequence[Batch]
    arrived: bool
    quarantine: Sequence[Part]
    counts: Sequence[Counts]
    note: str

    @property
    def figures(self) -> int:
        """Figures that the target did not have."""
        return sum(each.figures for each in self.counts)

    @property
    def ranges(self) -> int:
        """Ranges that were written."""
        return sum(each.ranges for each in self.counts)

    @property
    def witnesses(self) -> int:
        """Arrivals that were noted."""
        return sum(each.witnesses for each in self.counts)

    @property
    def words(self) -> str:
        """It in a sentence."""
        if self.history:
            place = "" if self.target == SQLITE else f" in {self.target}"
            return (f"{self.figures:,} figures applied of {len(self.batches)} batch(es), {self.ranges:,} ranges of "
                    f"vintages written{place}")
        return f"{self.figures:,} figures taken, and the picture published in {self.target}, which keeps no history"


def publish(stage: Stage, target: BaseTarget, before: Manifest, origin: Manifest, accept: Sequence[str],
            asked: Sequence[str], check: drift.Check, elsewhere: Held) -> Published:
    """Publish a run's batches, and those of former runs that it lacks, in one target, in one transaction.

    asked: gates named by this command. check: of its columns, now that it is of this schema. elsewhere: of committed().
    """
    rebuild = stage.options.rebuild
    known = rebuild and target.answers and not target.fault()  # of one that is damaged nothing is
    held = editions(target) if known and target.history else []
    with target:
        check(target, inside=True)
        describe(target)
        kept = lacking(stage, target, elsewhere, before) if rebuild or target.history else []
        arrivals = batches_of(stage.workspace, before, origin, accept)
        count = len({batch.batch_id for batch in (*arrivals, *kept)})
        started(stage, f"publishing {count} batch(es) in {target.shown}")
        restored = [(batches, target.publish(batches)) for batches in in_groups(kept)]
        aside = [] if rebuild else judge_kept(stage, restored, accept, target.where)  # they are alone: judged before
        if rebuild and not asked and checkpoints.refused(stage.workspace, before.run_id):
            arrivals = []  # no rebuild takes in what a gate refused, nor fails because of it
        outcomes = [target.publish(batches) for batches in in_groups(arrivals)]
        quarantine = [*aside, *judge(stage, outcomes, accept, target.where)]
        if gates.SHRINK not in asked:
            refuse_losses(target, held)
        note = show(stage, target, before, origin, accept)
    left = [batch for batch in kept if batch.run_id != before.run_id]  # this run's are there twice
    return Published(target.shown, target.history, [*arrivals, *left], bool(arrivals), quarantine,
                     [*(counts for _, counts in restored), *outcomes], note)


def large_table(stage: Stage, meter: Meter, before: Manifest, origin: Manifest) -> ExitCode:
    """Make the databases of the regions from sorted parts, each by a worker, and publish them all at once.

    Raises CheckpointError where the current run is of a table for them and --target asks for another.
    """
    import large
    from large import load_steps
    from large.model import TablePlan
    from large.settings import settings_of
    from targets._regional import Facts
    from targets.regions import Target

    table, vintage = before.facts["table"], staging.vintage_of(before)
    if stage.options.target != large.REGIONS:
        raise CheckpointError("The current run is of a table for the regional databases",
                              where=str(stage.workspace.runs),
                              safe="the database is as it was", next_command="python load.py --target regions")
    rows = before.balance["out"]
    started(stage, f"making 6 databases of {rows:,} rows")
    long = f"{table['long']:,} figures have more digits than the 15 that are kept" if table["long"] else ""
    facts = Facts(vintage, "table", before.run_id, before.facts["region_version"], long)
    settings = settings_of(stage.options, small=before.facts["engine"] == "pandas", far=bool(before.storage))
    target = Target(stage.workspace)
    with target, large.open_pool(stage.options, large.LOADS, settings, stage, before.storage) as pool:
        made = load_steps.fill_all(stage.workspace.root, before, TablePlan.of(table["plan"]), facts, pool,
                                plan.code("load"))
        peak = pool.peak_memory
        for path in made:
            load_steps.bring(path, target.building())
    load_steps.clear(stage.workspace.root, before)
    if long:
        stage.report.note(long)
    checkpoints.let_through(stage.workspace, before.run_id)
    manifest = meter.manifest(run_id=before.run_id, step_id="load", parts=[], balance={"in": rows, "out": rows},
                              code=plan.code("load"), parameters=plan.parameters("load", stage.options),
                              inputs={"transform": before.digest, "extract": origin.digest}, facts={"accepted": []})
    checkpoints.write_manifest(stage.workspace, manifest)
    told = ", ".join(f"{region} {count:,}" for region, count in table["regions"].items())
    finished(stage, f"{rows:,} rows in 6 databases: {told}", rows_in=rows, rows_out=rows, ranges=0, witnesses=0,
             workers_memory=peak)
    return ExitCode.DONE


def accepted_so_far(stage: Stage, run_id: str, asked: Sequence[str]) -> list[str]:
    """Return the gates of history let through now and before with this run: an acceptance is not asked for twice."""
    with contextlib.suppress(CheckpointError):
        own = checkpoints.read_manifest(stage.workspace, run_id, "load")
        return sorted({*accepted(own), *(gate for gate in asked if gate in gates.OF_HISTORY)})
    return [gate for gate in asked if gate in gates.OF_HISTORY]


def in_groups(batches: Sequence[Batch]) -> Iterator[list[Batch]]:
    """Yield the batches of each dataset in the order of their vintages, so many at once as files may be open."""
    by_dataset: dict[str, list[Batch]] = {}
    for batch in batches:
        by_dataset.setdefault(batch.vintage.dataset, []).append(batch)
    for found in by_dataset.values():
        found.sort(key=lambda batch: batch.vintage.key)  # stable: of one vintage the earlier arrival comes first
        for at in range(0, len(found), BATCHES_AT_ONCE):
            yield found[at:at + BATCHES_AT_ONCE]


def describe(target: BaseTarget) -> None:
    """Bring the target's countries up to the project's table."""
    identity = load_identity()
    target.describe(identity.countries(), identity.version)


def show(stage: Stage, target: BaseTarget, before: Manifest, origin: Manifest, accept: Sequence[str]) -> str:
    """Show the newest picture of the dataset asked for: this run's, or the one of a newer vintage already there.

    Returns a sentence where the picture is not of this run. Raises Refused for a list that lost economies.
    """
    at, run_id = origin.facts["picture"]["batch"], before.run_id
    batch = batches_of(stage.workspace, before, origin, ())[at]
    if batch.main != MAIN:
        target.keep_picture(run_id)
        return "there is no GDP in it, so the picture stays as it is"
    if not batch.lasts:
        stage.report.note("nobody names its vintage, so it is a picture and no history; --vintage keeps it")
    if not batch.lasts or not target.history:
        target.show(picture_of(stage.workspace, before, origin))
        return ""
    found = target.query("batch_vintage", {"batch_id": batch.batch_id})
    vintage = Vintage(batch.vintage.dataset, **found[0]) if found else None
    newest = newest_with_gdp(target, vintage or batch.vintage)
    if newest is None:  # a rebuild while the current run is refused, and nothing else of its dataset
        target.keep_picture(run_id)
        return ""
    if vintage and newest.key <= vintage.key:
        shown = picture_rows(target, vintage, batch.picture_year, batch.witness.fetched_at)
        if not batch.picture_year:
            judge_list(stage, target, vintage, shown, accept)
        target.show(Picture(vintage, batch.witness.channel, run_id, shown))
        return ""
    note = f"the picture is of {staging.described(newest)}, the newest of its dataset"
    stage.report.note(note)
    came = target.query("arrival", {"dataset": newest.dataset, "label": newest.label, "updated": newest.updated})[0]
    shown = picture_rows(target, newest, came["picture_year"], came["fetched_at"])
    target.show(Picture(newest, came["channel"], run_id, shown))
    return note


def newest_with_gdp(target: BaseTarget, vintage: Vintage) -> Vintage | None:
    """Return the newest vintage of the same dataset that has GDP, None where there is none.

    One that only the day of fetching dates keeps no edition of the publisher's out of the picture.
    """
    known = [Vintage(vintage.dataset, **row) for row in target.query("gdp_vintages", {"dataset": vintage.dataset})]
    if vintage.dating != OBSERVED:
        known = [each for each in known if each.dating != OBSERVED] or known
    return known[-1] if known else None


def picture_rows(target: BaseTarget, vintage: Vintage, year: int, fetched_at: str) -> list[dict[str, Any]]:
    """Return the picture of a vintage in a year, largest GDP first; year 0: each economy's own."""
    rows = target.query("newest_picture", {"dataset": vintage.dataset, "vintage": vintage.key, "year": year})
    shown = [row | {"GDP_USD_billion": float(half_up(row["GDP_as_published"])), "Vintage": vintage.label,
                    "Extracted_At": fetched_at} for row in rows]
    return sorted(shown, key=lambda row: (-row["GDP_USD_billion"], row["ISO3"]))


def picture_of(workspace: Workspace, before: Manifest, origin: Manifest) -> Picture:
    """Read the clean picture that transform left."""
    rows = json.loads(workspace.resolve(before.facts["picture"]["path"]).read_text(encoding="utf-8"))
    return Picture(staging.vintage_of(origin), origin.facts["channel"], before.run_id, rows)


def finish(stage: Stage, meter: Meter, before: Manifest, batches: Sequence[Batch], quarantine: Sequence[Part],
           accepted: Sequence[str]) -> None:
    """Write the stage's manifest."""
    total, left = sum(batch.figures for batch in batches), sum(part.rows for part in quarantine)
    checkpoints.write_manifest(stage.workspace, meter.manifest(
        run_id=before.run_id, step_id="load", parameters=plan.parameters("load", stage.options),
        inputs={"transform": before.digest}, parts=list(quarantine),
        balance={"in": total, "out": total - left, "quarantined": left}, code=plan.code("load"),
        # Without the time every load would look the same to report.
        facts={"transform": before.digest, "loaded": utc_now(), "accepted": list(accepted)}))


if __name__ == "__main__":
    sys.exit(run_stage("load", build_parser, body))
