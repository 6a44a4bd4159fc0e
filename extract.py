"""Stage 1: a source -> staged records, raw values untouched.

Asks the source, archives its bytes before anything reads them, parses them into results/staged/DATASET/VINTAGE/ and
writes the picture results/Countries_by_GDP.json with values, names and codes as the source gives them.
"""

from __future__ import annotations

import sys
from argparse import RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import large
import sources
from history.model import Vintage
from pipeline import checkpoints, options, plan, staging
from pipeline.archive import Archive, Recalled
from pipeline.checkpoints import Manifest, Meter
from pipeline.documents import RawDocument
from pipeline.errors import CheckpointError, ExitCode, SourceError, SourceUnreachable, UsageError
from pipeline.http import Http
from pipeline.stage import Stage, finished, run_stage, started
from sources import BaseSource, Request
from sources._files import told_by_path
from utils import Parser, add_common_options, environment, sha256_file, sha256_text, utc_now

CHAIN = ("imf", "datamapper", "wikipedia", "bundled")
CHAIN_TIMEOUT = 2.0  # seconds to connect, each: three silent sources and the bundle stay within ten
WHOLE_ANSWER = 10  # times --timeout, which is the longest silence: a server that drips ends too
CHAIN_TOTAL = 60.0  # seconds an answer that has begun may take


@dataclass
class Fetched:
    """What one source gave, staged."""

    name: str
    source: BaseSource
    archive_id: str
    documents: Sequence[RawDocument]
    fingerprints: dict[str, str]
    fallbacks: list[str] = field(default_factory=list)
    batches: list[staging.StagedBatch] = field(default_factory=list)


def build_parser() -> Parser:
    """Return the parser of extract.py."""
    listed = "\n".join(f"  {name:<11} {line}" for name, line in sources.available().items())
    parser = Parser(prog="extract.py", formatter_class=RawDescriptionHelpFormatter, description=(
        "Fetch figures from a source and stage them, raw.\n\n"
        f"  auto        {', then '.join(CHAIN)}: the first that answers with figures\n{listed}\n\n"
        "  python extract.py --source bundled\n"
        "  python extract.py --source table --input figures.csv --unit million --vintage 2026-04\n"))
    options.add_extract_options(parser)
    add_common_options(parser)
    return parser


def request_of(stage: Stage, name: str) -> Request:
    """Return what the options ask of the source of this name."""
    chosen = stage.options
    url = options.checked_url(chosen) or environment(f"{name}-url")
    return Request(source=name, inputs=tuple(chosen.input or ()), url=url,
                   indicators=asked_of(name, chosen.indicator), vintage=chosen.vintage, columns=chosen.columns,
                   unit=chosen.unit, dataset=chosen.dataset)


def asked_of(name: str, indicators: Sequence[str]) -> tuple[str, ...]:
    """Return the indicators asked for; "all" as what the source of this name means by it, of auto each link by itself.

    So `--indicator all` and the same indicators by name are one run, and a source reads names only.
    """
    if list(indicators) != [sources.ALL] or name not in sources.names():
        return tuple(indicators)
    return sources.open_source(name).every


def check(request: Request) -> None:
    """Refuse options that cannot go together. Raises UsageError."""
    if request.source != options.AUTO:
        source = sources.open_source(request.source)  # an unknown name is told before anything else
        typed = "" if request.url == environment("url") else request.url  # the environment's may be for other runs
        for name, given in (("input", request.inputs), ("url", typed)):
            if given and name not in source.takes:
                raise UsageError(f"--source {request.source} has no use for --{name}",
                                 safe="nothing was read or changed",
                                 next_command="python extract.py --help   # lists the sources")
    elif request.inputs or request.url:
        what = "--input" if request.inputs else "--url"
        raise UsageError(f"{what} needs a --source that says how to read it", safe="nothing was read or changed",
                         next_command="python extract.py --help   # lists the sources")


def identity(request: Request, year: int, digests: Sequence[str] = ()) -> dict[str, Any]:
    """Return what makes two runs the same before anything is fetched: the options that matter, the input's bytes.

    digests: of the inputs, where they have been looked at.
    """
    mirrors = {name: environment(f"{name}-url") for name in CHAIN} if request.source == options.AUTO else {}
    return {
        "source": request.source,
        "inputs": list(digests) or [sha256_file(path) if isinstance(path, Path) and path.is_file() else ""
                                    for path in request.inputs],
        "url": sha256_text(" ".join([request.url, *mirrors.values()])), "indicators": list(request.indicators),
        "vintage": request.vintage, "columns": dict(request.columns), "unit": request.unit,
        "dataset": request.dataset or [path.name for path in request.inputs],
        "year": year or f"current, {datetime.now(UTC).year}",
    }


def earlier_run(stage: Stage, parameters: dict[str, Any], code: str) -> Manifest | None:
    """Return the newest run of the same identity and code, None without one or with --fresh."""
    if stage.options.fresh:
        return None
    for run_id in checkpoints.run_ids(stage.workspace):
        try:
            manifest = checkpoints.read_manifest(stage.workspace, run_id, "extract")
        except CheckpointError as error:
            stage.report.warn(f"run {run_id} cannot be gone on with: {error.what} ({error.where})")
            continue
        if manifest and manifest.parameters == parameters and manifest.code == code:
            return manifest
    return None


def body(stage: Stage) -> ExitCode:
    """Fetch, archive, parse, stage; or say why there is nothing to do."""
    meter = Meter()
    code = plan.code("extract")
    archive = Archive(stage.workspace.archive)
    if stage.options.from_archive:
        return again_from_archive(stage, meter, archive, code)
    request = request_of(stage, stage.options.source)
    check(request)
    with told_by_path(request.inputs, request.url):
        storage = large.storage_of(stage.options)
        if large.is_asked(stage.options):
            return large_table(stage, meter, request, code, storage)
        large.refuse_share(stage.options)
        return small(stage, meter, request, code, archive)


def small(stage: Stage, meter: Meter, request: Request, code: str, archive: Archive) -> ExitCode:
    """Fetch, archive, parse and stage what fits into memory."""
    parameters = identity(request, stage.options.year)
    before = earlier_run(stage, parameters, code)
    whole = before is not None and not checkpoints.damage(stage.workspace, before.parts)
    if before and checkpoints.goes_on(stage.workspace, before.run_id):
        if whole:
            return go_on(stage, before)
        stage.report.warn(f"the checkpoint is made again from the archived bytes: "
                          f"{checkpoints.damage(stage.workspace, before.parts)}")
        try:
            return again_from_archive(stage, meter, archive, code, before)
        except (CheckpointError, UsageError) as error:
            stage.report.warn(f"the archive does not help, asking the source again: {error.what}")
    if before and not whole:
        tell_damage(stage, before)
    name_unfinished(stage, before)
    fetched = fetch(stage, request, archive, before if whole else None)
    if before and whole and unchanged(before, fetched):
        return nothing_new(stage, archive, before, fetched)
    again = before.run_id if before and unchanged(before, fetched) else ""
    return finish(stage, meter, parameters, code, fetched, again)


def tell_damage(stage: Stage, before: Manifest) -> None:
    """Say why a finished run is staged again: its picture is another run's by now, or a part is damaged."""
    fault = checkpoints.damage(stage.workspace, before.parts[:-1])
    if not fault and checkpoints.current_run(stage.workspace) == before.run_id:
        fault = checkpoints.damage(stage.workspace, before.parts)
    if fault:
        stage.report.warn(f"run {before.run_id} is staged again: {fault}")
    else:
        stage.report.note(f"run {before.run_id} is staged again: the picture in results/ is another run's by now")


def go_on(stage: Stage, before: Manifest) -> ExitCode:
    """Let the next stages go on with an unfinished run of the same identity."""
    checkpoints.make_current(stage.workspace, before.run_id)
    rows = before.balance["out"]
    stage.report.emit("skipped", f"skipped: run {before.run_id} goes on, its checkpoint is whole ({rows:,} rows)",
                      rows_out=rows, run_id=before.run_id, **staging.told_of(before))
    return ExitCode.DONE


def name_unfinished(stage: Stage, before: Manifest | None) -> None:
    """Say that an unfinished run of another identity is kept, or that a run refused by a gate asks its source again."""
    run_id = checkpoints.current_run(stage.workspace)
    if before and not checkpoints.is_finished(stage.workspace, before.run_id):
        stage.report.note(f"run {before.run_id} was refused by a gate; asking whether the source has mended it")
    elif run_id and not checkpoints.is_finished(stage.workspace, run_id):
        stage.report.note(f"the unfinished run {run_id} is kept; the command that began it goes on with it")


def fetch(stage: Stage, request: Request, archive: Archive, before: Manifest | None) -> Fetched:
    """Fetch, archive and stage from the source asked for, with auto from the first that gives figures.

    Raises SourceUnreachable where none does, naming what each said.
    """
    if request.source != options.AUTO:
        chosen = stage.options
        with Http(timeout=chosen.timeout, retries=chosen.retries, total=chosen.timeout * WHOLE_ANSWER,
                  remembered=recalled(stage, archive)) as http:
            return fetch_one(stage, request, archive, http, before)
    fallbacks: list[str] = []
    for name in CHAIN:
        try:
            with Http(timeout=min(stage.options.timeout, CHAIN_TOTAL), connect_timeout=CHAIN_TIMEOUT, retries=0,
                      total=CHAIN_TOTAL, remembered=recalled(stage, archive)) as http:
                link = replace(request, source=name, url=environment(f"{name}-url"),
                               indicators=asked_of(name, request.indicators))
                fetched = fetch_one(stage, link, archive, http, before)
        except SourceError as error:
            fallbacks.append(f"{name}: {error.what}")
            stage.report.warn(f"{name} gives no figures, trying the next source: {error.what}", source=name)
            continue
        fetched.fallbacks = fallbacks
        return fetched
    raise SourceUnreachable("No source gives figures: " + "; ".join(fallbacks),
                            safe="the database and every earlier result")


def recalled(stage: Stage, archive: Archive) -> Recalled | None:
    """Return the memory of earlier answers for conditional requests; none with --fresh."""
    return None if stage.options.fresh else Recalled(archive)


def fetch_one(stage: Stage, request: Request, archive: Archive, http: Http, before: Manifest | None) -> Fetched:
    """Fetch one source into the archive and, unless its answer is the one of `before`, stage it. Raises SourceError."""
    source = sources.open_source(request.source)
    started(stage, f"asking {request.source}" if not request.inputs else f"reading {len(request.inputs)} file(s)")
    with archive.entry(request.source) as entry:
        documents = [entry.add(document) for document in source.fetch(request, http)]
    if not documents:
        raise SourceUnreachable(f"{request.source} gave no document")
    fetched = Fetched(request.source, source, entry.id, documents, fingerprints(source, documents))
    if before is None or before.inputs != fetched.fingerprints:
        fetched.batches = staging.stage_all(stage, source, documents, refuse_future)
    return fetched


def fingerprints(source: BaseSource, documents: Sequence[RawDocument]) -> dict[str, str]:
    """Return what a manifest writes as its inputs: document -> digest of what matters in it."""
    return {f"{number:03d} {each.kind} {each.url}": source.fingerprint(each)
            for number, each in enumerate(documents, 1)}


def unchanged(before: Manifest, fetched: Fetched) -> bool:
    """Tell whether the source says what it said before: the same answer, or other bytes with the same records."""
    if before.inputs == fetched.fingerprints:
        return True
    parts = [part for batch in fetched.batches for part in batch.parts]
    return parts == before.parts[:-1] and [asdict(b.vintage) for b in fetched.batches] == [
        b["vintage"] for b in before.facts["batches"]]


def nothing_new(stage: Stage, archive: Archive, before: Manifest, fetched: Fetched) -> ExitCode:
    """Say that the source has nothing new; its answer is archived as one more witness."""
    refuse_older(stage, fetched.fallbacks, staging.vintage_of(before))
    checkpoints.make_current(stage.workspace, before.run_id)
    if before.facts["archive_id"] != fetched.archive_id:
        try:
            archive.drop_duplicate_body(fetched.archive_id, before.facts["archive_id"])
        except (CheckpointError, UsageError) as error:
            stage.report.warn(f"the archived answer of run {before.run_id} is lost, this one is kept: {error.what}")
    rows = before.balance["out"]
    stage.report.emit("skipped", f"nothing new since run {before.run_id} ({rows:,} rows)",
                      rows_out=rows, run_id=before.run_id, unchanged=True,
                      **staging.told_of(before) | {"fallbacks": fetched.fallbacks})
    return ExitCode.DONE


def again_from_archive(stage: Stage, meter: Meter, archive: Archive, code: str,
                       run: Manifest | None = None) -> ExitCode:
    """Parse archived bytes again: those asked for, or those of an unfinished run whose parts are damaged."""
    asked = run.facts["archive_id"] if run else stage.options.from_archive
    archive_id = (archive.latest() or "latest") if asked == "latest" else asked
    documents = archive.load(archive_id)
    name = archive.read(archive_id)["source"]
    source = sources.open_source(name)
    started(stage, f"parsing archive {archive_id} again")
    fetched = Fetched(name, source, archive_id, documents, fingerprints(source, documents),
                      list(run.facts["fallbacks"]) if run else [])
    fetched.batches = staging.stage_all(stage, source, documents, refuse_future)
    parameters = run.parameters if run else {"from_archive": archive_id, "year": stage.options.year}
    return finish(stage, meter, parameters, code, fetched, run.run_id if run else "")


def large_table(stage: Stage, meter: Meter, request: Request, code: str, storage: str) -> ExitCode:
    """Stage a table for the regional databases, piece by piece, from the file itself: it is the user's own."""
    from large import extract_steps
    from large.far import claim
    from large.settings import settings_of
    from large.watch import unchanged

    chosen = stage.options
    large.check(request)
    table = extract_steps.opened(request, storage)
    if storage:
        claim(storage, stage)
    settings = settings_of(chosen, small=large.is_small(chosen, table.bytes), far=table.is_far)
    started(stage, f"reading {table.bytes:,} bytes of {len(table.files)} file(s)")
    engine, _ = large.engine_of(chosen, table.bytes)
    with unchanged(table.stamps), large.open_pool(chosen, engine, settings, stage, storage) as pool:
        extract_steps.survey(table, pool)
        parameters = identity(request, 0, table.digests) | {"key": list(chosen.key), "sample": chosen.sample,
                                                               "storage": storage}
        before = earlier_run(stage, parameters, code)
        if before and not checkpoints.damage(stage.workspace, before.parts, contents=False, storage=storage):
            if checkpoints.goes_on(stage.workspace, before.run_id):
                return go_on(stage, before)
            if not checkpoints.refused(stage.workspace, before.run_id):
                return same_table(stage, before)
        extract_steps.require_space(table, stage)
        extract_steps.stage_pieces(table, stage, pool, settings, code, chosen.sample)
        peak = pool.peak_memory
    facts = extract_steps.facts_of(table, extract_steps.decide(table, request, chosen.key), utc_now())
    for text in table.notes + extract_steps.unreadable(table, stage.workspace):
        stage.report.warn(text)
    run_id = before.run_id if before else checkpoints.new_run_id(stage.workspace, "table")
    inputs = {f"{number:03d} {path.name}": table.digests[number] for number, path in enumerate(table.files)}
    manifest = meter.manifest(run_id=run_id, step_id="extract", parameters=parameters, code=code, facts=facts,
                              inputs=inputs, parts=extract_steps.parts_of(table),
                              balance=extract_steps.balance_of(table))
    checkpoints.write_manifest(stage.workspace, manifest)
    checkpoints.make_current(stage.workspace, run_id)
    balance = manifest.balance
    finished(stage, f"{balance['out']:,} rows of {staging.described(table.vintage, 'table')} in {len(table.told)} "
             "piece(s)", rows_in=balance["in"], rows_out=balance["out"], quarantined=balance.get("quarantined", 0),
             balance=balance, run_id=run_id, workers_memory=peak, **staging.told_of(manifest))
    return ExitCode.DONE


def same_table(stage: Stage, before: Manifest) -> ExitCode:
    """Say that the file is as it was."""
    checkpoints.make_current(stage.workspace, before.run_id)
    rows = before.balance["out"]
    stage.report.emit("skipped", f"nothing new since run {before.run_id} ({rows:,} rows)", rows_out=rows,
                      run_id=before.run_id, unchanged=True, **staging.told_of(before))
    return ExitCode.DONE


def refuse_older(stage: Stage, fallbacks: Sequence[str], vintage: Vintage) -> None:
    """Refuse a fall-back that is older than the picture in the database. Raises SourceUnreachable."""
    if not fallbacks:
        return
    held = staging.held_vintage(stage.workspace)
    if held is None or held.dataset.startswith("table:"):
        return
    if (held.published, held.updated) > (vintage.published, vintage.updated):
        raise SourceUnreachable(
            f"The fall-back, {vintage.dataset} {vintage.label}, is older than what the database holds, "
            f"{held.dataset} {held.label}; " + "; ".join(fallbacks),
            safe="the picture and the database are as they were", next_command="python etl_process.py   # later")


def refuse_future(vintage: Vintage) -> None:
    """Refuse an edition or printing dated after today, which would stand before every real one. Raises UsageError."""
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%d")  # a publisher may be ahead of UTC
    day = max(vintage.published, vintage.updated)[:10]
    if day > tomorrow:
        raise UsageError(f"{staging.described(vintage)} is of the future: {day}; the clock of this machine says "
                         f"{utc_now()}", safe="nothing was changed",
                         next_command="name the edition it is, with --vintage YYYY-MM")


def finish(stage: Stage, meter: Meter, parameters: dict[str, Any], code: str, fetched: Fetched,
           run_id: str = "") -> ExitCode:
    """Choose the picture, write it and the manifest, and make the run current."""
    workspace, batches = stage.workspace, fetched.batches
    newest = max(range(len(batches)), key=lambda at: batches[at].vintage.key)
    chosen = batches[newest]
    staging.refuse_year(chosen, stage.options.year)
    refuse_older(stage, fetched.fallbacks, chosen.vintage)
    picture = staging.write_raw_picture(workspace, chosen, fetched.name)
    for warning in chain.from_iterable(batch.warnings for batch in batches):
        stage.report.warn(warning)
    run_id = run_id or checkpoints.new_run_id(workspace, fetched.name)
    balance = checkpoints.balanced(staging.summed(batch.balance for batch in batches))
    facts = {
        "channel": fetched.name, "archive_id": fetched.archive_id, "fallbacks": fetched.fallbacks,
        "documents": list(documents_told(fetched)), "batches": [batch.told() for batch in batches],
        "picture": {"batch": newest, "year": chosen.picture_year, "main": chosen.main},
        "warnings": stage.report.warnings,
    }
    parts = [*(part for batch in batches for part in batch.parts), picture]
    manifest = meter.manifest(run_id=run_id, step_id="extract", parameters=parameters, inputs=fetched.fingerprints,
                              parts=parts, balance=balance, code=code, facts=facts)
    checkpoints.write_manifest(workspace, manifest)
    checkpoints.make_current(workspace, run_id)
    more = f", {len(batches)} vintages" if len(batches) > 1 else ""
    finished(stage, f"{balance['out']:,} rows of {staging.described(chosen.vintage, fetched.name)}{more}",
             rows_in=balance["in"], rows_out=balance["out"], quarantined=balance.get("quarantined", 0),
             balance=balance, run_id=run_id, archive_id=fetched.archive_id, **staging.told_of(manifest))
    return ExitCode.DONE


def documents_told(fetched: Fetched) -> Iterator[dict[str, str]]:
    """Yield what the manifest says of each document."""
    for document, digest in zip(fetched.documents, fetched.fingerprints.values(), strict=True):
        yield {"kind": document.kind, "url": document.url, "fetched_at": document.fetched_at, "fingerprint": digest}


if __name__ == "__main__":
    sys.exit(run_stage("extract", build_parser, body))
