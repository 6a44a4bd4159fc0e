"""The staging of extract: batches of a source written as parts, counted, and the raw picture chosen from them."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from history.model import Scope, Vintage, safe_name
from pipeline.checkpoints import Manifest, Part, balanced, make_part
from pipeline.documents import RawDocument
from pipeline.errors import SourceError, SourceNonsense, UsageError
from pipeline.parts import write_parts
from pipeline.spooled import Spooled
from pipeline.stage import Stage
from rules.cleaning import parse_number
from rules.indicators import MAIN
from rules.picture import candidate_years, filled_year
from rules.records import AGGREGATE, Quarantined, StagedRecord
from sources import BaseSource, VintageBatch
from utils import ENGLISH_MONTHS, Workspace, write_json

FEW_COLLECTIONS = 50_000  # objects made; Python's 700 looks through a million rows of texts for cycles, in vain
PICTURE_ROWS = 5_000  # a picture is of economies; more rows for one year are no picture and are not written


@dataclass
class StagedBatch:
    """One vintage, staged.

    main: the indicator of its picture. candidates: the years its picture may be of, ascending; empty where cells carry
    their own years. seen: year -> the staged records of that year, while rows go by. picture_year, picture: what was
    chosen; 0 where cells carry their own years.
    """

    vintage: Vintage
    scopes: Sequence[Scope]
    decimal_mark: str
    decimals: Mapping[str, int]
    main: str
    candidates: Sequence[int]
    fetched_at: str
    picture_year: int = 0
    parts: list[Part] = field(default_factory=list)
    quarantine: list[Part] = field(default_factory=list)
    balance: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    picture: list[StagedRecord] = field(default_factory=list)
    seen: dict[str, list[StagedRecord]] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """Return what the manifest says of the batch, for the stages after."""
        return {
            "vintage": asdict(self.vintage), "decimal_mark": self.decimal_mark, "decimals": dict(self.decimals),
            "scopes": [{"indicator": s.indicator, "years": list(s.years), "complete": s.complete} for s in self.scopes],
            "parts": [part.relative_path for part in self.parts], "balance": self.balance, "main": self.main,
            "quarantine": [part.relative_path for part in self.quarantine],
            "picture_year": self.picture_year, "fetched_at": self.fetched_at,
        }


def stage_all(stage: Stage, source: BaseSource, documents: Sequence[RawDocument],
              check: Callable[[Vintage], None]) -> list[StagedBatch]:
    """Parse the documents and write every batch that `check` lets pass; a refusal leaves no part of any behind.

    Raises SourceNonsense where they hold no figure.
    """
    gc.set_threshold(FEW_COLLECTIONS, *gc.get_threshold()[1:])  # a sixth of the time of a large table
    batches = []
    with none_left_if_refused(stage.workspace):
        for batch in source.parse(documents):
            check(batch.vintage)
            batches.append(stage_batch(stage, source, batch, documents[0].fetched_at))
        if not any(batch.balance.get("out") for batch in batches):
            raise SourceNonsense("The source has no figures in it", where=documents[0].url,
                                 safe="the database and every earlier result")
    return batches


@contextmanager
def none_left_if_refused(workspace: Workspace) -> Iterator[None]:
    """Remove the parts that were written inside, where a refusal ends it; those of earlier runs stay.

    Why: the third of three files may be the one that is refused, and the message says that nothing was changed.
    """
    folders = (workspace.staged, workspace.quarantine)
    before = {path for folder in folders for path in folder.rglob("*")}
    try:
        yield
    except (UsageError, SourceError):
        made = {path for folder in folders for path in folder.rglob("*")} - before
        for path in sorted(made, reverse=True):  # what is in a folder before the folder
            with suppress(OSError):  # the refusal is what matters
                path.rmdir() if path.is_dir() else path.unlink()
        raise


def stage_batch(stage: Stage, source: BaseSource, batch: VintageBatch, fetched_at: str) -> StagedBatch:
    """Write the rows of one vintage as parts, keep those of its picture, and balance the count."""
    main = main_indicator(stage.options.indicator, batch.scopes)
    years = [] if source.own_years else picture_years(batch.scopes, main, stage.options.year)
    staged = StagedBatch(batch.vintage, batch.scopes, batch.decimal_mark, batch.decimals, main, years, fetched_at)
    folder = vintage_folder(batch.vintage)
    with Spooled(batch.quarantined, stage.workspace.quarantine) as batch.quarantined:
        rows = stage.report.counted(_kept_for_picture(batch.rows, staged))
        staged.parts = write_parts(stage.workspace, stage.workspace.staged / folder, "part", StagedRecord._fields, rows)
        if batch.quarantined:
            staged.quarantine = write_parts(stage.workspace, stage.workspace.quarantine / folder, "extract",
                                            Quarantined._fields, batch.quarantined)
        staged.balance = extract_balance(batch, sum(part.rows for part in staged.parts))
    staged.warnings = list(batch.warnings)
    choose_picture(staged)
    return staged


def extract_balance(batch: VintageBatch, out: int) -> dict[str, int]:
    """Return where the document's cells went; a source that does not count what it reads is taken at its rows."""
    aside = {f"set aside: {reason}": count for reason, count in sorted(batch.set_aside.items()) if count}
    rest = out + len(batch.quarantined) + sum(aside.values())
    quarantined = {"quarantined": len(batch.quarantined)} if batch.quarantined else {}
    return balanced({"in": batch.rows_read or rest, "out": out} | quarantined | aside)


def _kept_for_picture(rows: Iterable[StagedRecord], staged: StagedBatch) -> Iterator[StagedRecord]:
    """Pass the rows on, keeping those of the years that the raw picture may show."""
    main, own = staged.main, not staged.candidates
    kept = {str(year): list[StagedRecord]() for year in staged.candidates} or {"": []}
    staged.seen = kept
    for row in rows:
        if row[2] == main and row[7] != AGGREGATE:
            year = "" if own else row[3]
            if year in kept and len(kept[year]) < PICTURE_ROWS:
                kept[year].append(row)
        yield row


def choose_picture(staged: StagedBatch) -> None:
    """Choose the year of the picture among the candidates, and say where it is not the newest of them."""
    if staged.candidates:
        figures = {year: sum(bool(parse_number(row.raw, staged.decimal_mark).text) for row in staged.seen[str(year)])
                   for year in staged.candidates}
        staged.picture_year = filled_year(figures)
        newest = staged.candidates[-1]
        if staged.picture_year != newest:
            staged.warnings.append(f"{newest} has {figures[newest]} figures so far, so the picture is of "
                                   f"{staged.picture_year}, which has {figures[staged.picture_year]}")
    staged.picture = staged.seen[str(staged.picture_year) if staged.candidates else ""]
    staged.seen = {}


def main_indicator(asked: Sequence[str], scopes: Sequence[Scope]) -> str:
    """Return the indicator the gates judge and the picture shows: GDP where the batch has it, else the first asked for.

    Of "all", and where the options of now are not those of then (--from-archive), the first that the batch speaks for.
    A batch without GDP has no picture; its figures are stored all the same.
    """
    held = [scope.indicator for scope in scopes]
    return next((name for name in (MAIN, *asked, *held) if name in held), asked[0])


def picture_years(scopes: Sequence[Scope], main: str, asked: int) -> list[int]:
    """Return the years the picture may be of, ascending.

    The year asked for where the vintage has it; else up to five that end with this year, or with its latest.
    """
    years = years_of(scopes, main)
    this_year = datetime.now(UTC).year
    if asked in years or not years:
        return [asked or this_year]
    return candidate_years(years, this_year)


def years_of(scopes: Sequence[Scope], main: str) -> list[int]:
    """Return the years that a vintage has of an indicator, ascending."""
    return sorted({year for scope in scopes if scope.indicator == main for year in scope.years})


def refuse_year(batch: StagedBatch, asked: int) -> None:
    """Refuse a year that the vintage to be shown does not have; older ones beside it may lack it. Raises UsageError."""
    years = years_of(batch.scopes, batch.main)
    if asked and batch.candidates and years and asked not in years:
        raise UsageError(f"{described(batch.vintage)} has no year {asked}: it has {years[0]} to {years[-1]}",
                         safe="nothing was changed", next_command=f"python extract.py --year {years[-1]}")


def write_raw_picture(workspace: Workspace, batch: StagedBatch, channel: str) -> Part:
    """Write results/Countries_by_GDP.json: values as strings, names and codes as the source gives them."""
    picture = batch.picture if batch.main == MAIN else []
    write_json(workspace.raw_picture, [
        {"Country": row.name, "Code": row.code, "GDP": row.raw, "Unit": row.unit, "Scale": row.scale, "Year": row.year,
         "Status": row.status, "Indicator": row.indicator, "Dataset": batch.vintage.dataset,
         "Vintage": batch.vintage.label, "Channel": channel, "Extracted_At": batch.fetched_at, "Locator": row.locator}
        for row in picture])
    return make_part(workspace, workspace.raw_picture, len(picture))


def vintage_folder(vintage: Vintage) -> str:
    """Return DATASET/VINTAGE, safe as a path."""
    return f"{safe_name(vintage.dataset)}/{vintage.slug}"


def vintage_of(manifest: Manifest) -> Vintage:
    """Return the vintage of an extract manifest's picture."""
    at = manifest.facts["picture"]["batch"]
    return Vintage(**manifest.facts["batches"][at]["vintage"])


def described(vintage: Vintage, channel: str = "") -> str:
    """Return a vintage as a person says it: "imf-weo October 2025 (by imf)"."""
    year, dash, month = vintage.label.partition("-")
    known = dash and month.isdigit() and len(month) == 2 and 1 <= int(month) <= 12 and year.isdigit()
    label = f"{ENGLISH_MONTHS[int(month) - 1]} {year}" if known else vintage.label
    updated = f", updated {vintage.updated[:10]}" if vintage.updated else ""
    observed = ", date observed" if vintage.dating == "observed" else ""
    return f"{vintage.dataset} {label}{updated}{observed}" + (f" (by {channel})" if channel else "")


def told_of(manifest: Manifest) -> dict[str, Any]:
    """Return what the summary's first line says of a run."""
    vintage = vintage_of(manifest)
    channel, fallbacks = manifest.facts["channel"], manifest.facts["fallbacks"]
    return {"dataset": vintage.dataset, "vintage": vintage.label, "channel": channel, "fallbacks": fallbacks,
            "described": described(vintage, channel)}


def held_vintage(workspace: Workspace) -> Vintage | None:
    """Return the vintage of the database's picture, None without a database."""
    from targets import open_target

    rows = open_target("sqlite", workspace).query("picture_vintage", {})
    return Vintage.of_row(rows[0]) if rows else None


def summed(balances: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return the sum of several balances."""
    total: Counter[str] = Counter()
    for balance in balances:
        total.update(balance)
    return {"in": 0, "out": 0} | dict(total)
