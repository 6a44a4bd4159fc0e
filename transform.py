"""Stage 2: staged records -> clean, regional, sorted records.

Cleans every vintage that extract staged, judges it by the gates, and writes results/clean/DATASET/VINTAGE/ and the
picture results/Countries_by_GDP_Processed.json, sorted by GDP. A gate that fails stops with exit 3 and changes nothing.
"""

from __future__ import annotations

import contextlib
import json
import sys
from argparse import RawDescriptionHelpFormatter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from history.model import Vintage
from pipeline import checkpoints, options, plan, staging
from pipeline.checkpoints import Manifest, Meter, Part
from pipeline.countries import load_identity
from pipeline.errors import CheckpointError, ExitCode, GateError
from pipeline.parts import write_parts
from pipeline.stage import Stage, finished, run_stage, started
from rules import gates
from rules.cleaning import half_up
from rules.identity import Identity
from rules.indicators import MAIN
from rules.records import CleanRecord, Quarantined
from utils import Parser, add_common_options, sha256_text, write_json


def build_parser() -> Parser:
    """Return the parser of transform.py."""
    parser = Parser(prog="transform.py", formatter_class=RawDescriptionHelpFormatter, description=(
        "Clean what extract staged and judge it by the gates.\n\n"
        "  python transform.py\n"
        "  python transform.py --accept world\n"))
    options.add_transform_options(parser)
    add_common_options(parser)
    return parser


def body(stage: Stage) -> ExitCode:
    """Clean every batch of the current run, judge, and write the picture."""
    meter = Meter()
    accept = plan.checked_gates(stage.options.accept)
    code = plan.code("transform")
    before = checkpoints.require(stage.workspace, "extract")
    if not plan.why_run(stage.workspace, "transform", before.run_id, stage.options):
        stage.report.emit("skipped", "skipped: its checkpoint is whole and nothing before it changed")
        return ExitCode.DONE
    if before.is_large:
        try:
            return large_table(stage, meter, before, accept, code)
        except CheckpointError as error:
            if error.next_command == "python extract.py":  # a worker does not know of what run its piece is
                error.next_command = checkpoints.command_of(before)
            raise
    rows = before.balance["out"]
    started(stage, f"cleaning {rows:,} rows", rows_in=rows)
    identity = load_identity()
    cleaned = []
    for told in before.facts["batches"]:
        cleaned.append(clean_batch(stage, before, told, identity, code))
        stage.report.progress(sum(c.balance["in"] for c in cleaned), rows)
    try:
        so_far = accepted_so_far(stage, before.run_id, cleaned)
        accepted = judge_all(stage, [c.facts for c in cleaned], [*accept, *so_far])
    except GateError as error:
        checkpoints.refuse(stage.workspace, before.run_id, error.what)
        raise
    checkpoints.let_through(stage.workspace, before.run_id)
    return finish(stage, meter, before, cleaned, identity, accepted, code)


def clean_batch(stage: Stage, before: Manifest, told: Mapping[str, Any], identity: Identity, code: str) -> Manifest:
    """Clean one vintage, or take it from its own checkpoint where an earlier attempt finished it."""
    parts = {part.relative_path: part for part in before.parts}  # files of the same bytes share a part
    staged = [parts[path] for path in told["parts"]]
    step = f"transform/{staging.vintage_folder(Vintage(**told['vintage']))}/{staged[0].sha256[:8]}"
    inputs = {"staged": sha256_text(" ".join(part.sha256 for part in staged) + json.dumps(told, sort_keys=True))}
    try:
        earlier = checkpoints.read_manifest(stage.workspace, before.run_id, step)
    except CheckpointError as error:
        stage.report.warn(f"{error.where}: {error.what}; the vintage is cleaned again")
        earlier = None
    if earlier and (earlier.inputs, earlier.code) == (inputs, code) and not checkpoints.damage(
            stage.workspace, earlier.parts):
        return earlier
    manifest = clean_anew(stage, before.run_id, step, told, staged, inputs, identity, code)
    checkpoints.write_manifest(stage.workspace, manifest)
    return manifest


def clean_anew(stage: Stage, run_id: str, step: str, told: Mapping[str, Any], staged: Sequence[Part],
               inputs: dict[str, str], identity: Identity, code: str) -> Manifest:
    """Let the engine clean one vintage and write its parts."""
    from engines import CleanJob
    from engines.pandas_engine import clean

    meter, workspace = Meter(), stage.workspace
    vintage = Vintage(**told["vintage"])
    batch = clean(CleanJob(
        dataset=vintage.dataset, vintage=staging.described(vintage), identity=identity, main=told["main"],
        files=[workspace.resolve(part.relative_path) for part in staged], picture_year=told["picture_year"],
        decimal_mark=told["decimal_mark"], decimals=told["decimals"]))
    folder = staging.vintage_folder(vintage)
    parts = write_parts(workspace, workspace.clean / folder, "part", CleanRecord._fields, batch.rows)
    quarantine = write_parts(workspace, workspace.quarantine / folder, "transform", Quarantined._fields,
                             batch.quarantined) if batch.quarantined else []
    facts = {
        "vintage": told["vintage"], "scopes": told["scopes"], "digest": batch.digest, "missing": batch.missing,
        "parts": [part.relative_path for part in parts], "quarantine": [p.relative_path for p in quarantine],
        "findings": [asdict(finding) for finding in gates.judge(batch.census)], "fetched_at": told["fetched_at"],
        "unknown": list(batch.census.unknown), "picture_year": told["picture_year"], "main": told["main"],
        "picture": [record._asdict() for record in batch.picture],
    }
    return meter.manifest(run_id=run_id, step_id=step, parameters={}, inputs=inputs, parts=parts + quarantine,
                          balance=checkpoints.balanced(batch.balance), code=code, facts=facts)


def accepted_so_far(stage: Stage, run_id: str, cleaned: Sequence[Manifest]) -> list[str]:
    """Return the gates that were let through before with these very figures: a word once is enough.

    Why: a clean part that is damaged and made again must not need the --accept of the first time.
    """
    with contextlib.suppress(CheckpointError):
        own = checkpoints.read_manifest(stage.workspace, run_id, "transform")
        digests = [each.facts["digest"] for each in cleaned]
        if own and [told["digest"] for told in own.facts["batches"]] == digests:
            return list(own.facts["accepted"])
    return []


def judge_all(stage: Stage, facts: Sequence[Mapping[str, Any]], accept: Sequence[str]) -> list[str]:
    """Report what the gates found; return the gates let through. Raises GateError for those that were not."""
    accepted: list[str] = []
    refused: list[tuple[str, str]] = []
    for batch in facts:
        vintage = staging.described(Vintage(**batch["vintage"]))
        for finding in batch["findings"]:
            text = f"{vintage}: {finding['text']}"
            if finding["fatal"] and finding["gate"] not in accept:
                refused.append((finding["gate"], text))
                continue
            if finding["fatal"]:
                accepted.append(finding["gate"])
            stage.report.warn(("accepted by --accept " + finding["gate"] + ": " if finding["fatal"] else "") + text,
                              gate=finding["gate"], accepted=finding["fatal"])
    if refused:
        names = list(dict.fromkeys(gate for gate, _ in refused))
        raise GateError(
            f"The figures fail {len(names)} gate(s): " + "; ".join(f"[{gate}] {text}" for gate, text in refused[:8]),
            where=str(stage.workspace.staged), safe="the database and the clean results are as they were",
            next_command="python etl_process.py --from transform " + " ".join(f"--accept {n}" for n in names)
            + "   # only if you know better")
    return sorted(set(accepted))


def finish(stage: Stage, meter: Meter, before: Manifest, cleaned: Sequence[Manifest], identity: Identity,
           accepted: list[str], code: str) -> ExitCode:
    """Write the clean picture and the stage's manifest."""
    workspace, shown = stage.workspace, cleaned[before.facts["picture"]["batch"]].facts
    picture = picture_rows(shown, identity) if shown["main"] == MAIN else []
    if not picture:
        stage.report.note("there is no GDP in it, so the picture in the database stays as it is")
    write_json(workspace.clean_picture, picture)
    if picture and shown["missing"]:
        stage.report.note(f"{len(shown['missing'])} economies have no figure for {shown['picture_year']}: "
                          + " ".join(shown["missing"]))
    batches = [{name: value for name, value in c.facts.items() if name != "picture"} | {"balance": c.balance}
               for c in cleaned]
    balance = checkpoints.balanced(staging.summed(c.balance for c in cleaned))
    parts = [part for c in cleaned for part in c.parts]
    parts.append(checkpoints.make_part(workspace, workspace.clean_picture, len(picture)))
    facts = {"batches": batches, "picture": before.facts["picture"] | {"path": parts[-1].relative_path},
             "accepted": accepted, "region_version": identity.version}
    manifest = meter.manifest(run_id=before.run_id, step_id="transform", parts=parts, balance=balance, code=code,
                              parameters=plan.parameters("transform", stage.options), inputs={"extract": before.digest},
                              facts=facts)
    checkpoints.write_manifest(workspace, manifest)
    quarantined = balance.get("quarantined", 0)
    told = "".join(f", {count:,} {name}" for name, count in balance.items() if name not in {"in", "out"})
    finished(stage, f"{balance['out']:,} clean of {balance['in']:,}{told}; {len(picture)} economies in the picture",
             rows_in=balance["in"], rows_out=balance["out"], quarantined=quarantined, balance=balance,
             quarantine=[path for batch in batches for path in batch["quarantine"]], accepted=accepted)
    return ExitCode.DONE


def large_table(stage: Stage, meter: Meter, before: Manifest, accept: Sequence[str], code: str) -> ExitCode:
    """Clean, judge and sort a table for the regional databases, piece by piece in worker processes."""
    import large
    from large.settings import settings_of

    size = before.facts["table"]["bytes"]
    engine, why = large.engine_of(stage.options, size)
    settings = settings_of(stage.options, small=engine == "pandas", far=bool(before.storage))
    work = large.open_work(stage, before, engine, settings, code)
    started(stage, f"cleaning {work.rows:,} rows by {engine}, since {why}", rows_in=work.rows)
    work.clear(own=False)
    try:
        with large.open_pool(stage.options, engine, settings, stage, before.storage) as pool:
            outcome, cleaned = work.cleaned(pool)
            accepted = judge_all(stage, [{"vintage": asdict(work.vintage), "findings": [
                asdict(finding) for finding in work.findings(outcome)]}], accept)
            work.sorted(pool, outcome, cleaned)
            peak = pool.peak_memory
    except GateError as error:
        checkpoints.refuse(stage.workspace, before.run_id, error.what)
        raise
    checkpoints.let_through(stage.workspace, before.run_id)
    manifest = meter.manifest(
        run_id=before.run_id, step_id="transform", parts=outcome.parts, balance=outcome.balance, code=code,
        parameters=plan.parameters("transform", stage.options), inputs={"extract": before.digest},
        facts=work.facts(outcome, before, accepted, load_identity().version) | {"engine": engine, "why_engine": why})
    checkpoints.write_manifest(stage.workspace, manifest)
    work.clear(own=True)
    balance = outcome.balance
    told = "".join(f", {count:,} {name}" for name, count in balance.items() if name not in {"in", "out"})
    finished(stage, f"{balance['out']:,} clean of {balance['in']:,}{told}; engine {engine}: {why}",
             rows_in=balance["in"], rows_out=balance["out"], quarantined=balance.get("quarantined", 0),
             balance=balance, quarantine=outcome.quarantine, accepted=accepted, workers_memory=peak,
             engine=f"{engine}, since {why}")
    return ExitCode.DONE


def picture_rows(facts: Mapping[str, Any], identity: Identity) -> list[dict[str, Any]]:
    """Return the clean picture, largest GDP first: one row an economy, named as the columns of Countries_by_GDP."""
    rows = []
    for record in facts["picture"]:
        country = identity.country(record["iso3"])
        rounded = half_up(record["value_text"])
        rows.append((-rounded, country.iso3, {
            "Country": country.name, "GDP_USD_billion": float(rounded), "GDP_as_published": record["value_text"],
            "Region": country.region, "Subregion": country.subregion, "ISO3": country.iso3, "Year": record["year"],
            "Forecast": record["forecast"], "Dataset": facts["vintage"]["dataset"],
            "Vintage": facts["vintage"]["label"], "Extracted_At": facts["fetched_at"]}))
    return [row for _, _, row in sorted(rows, key=lambda each: each[:2])]


if __name__ == "__main__":
    sys.exit(run_stage("transform", build_parser, body))
