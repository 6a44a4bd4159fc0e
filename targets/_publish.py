"""Batches of one dataset into a target that knows the schema: which vintages they are, what changes, the ledger."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from history import printings
from history.losses import Losses
from history.merge import Arrival, Arrived, HeldSeries, Merge, Series, Years, in_series, rank, same_as_known, walk
from history.model import Vintage
from history.ranges import Range
from history.years import runs
from targets import Batch, Counts, Row
from utils import utc_now

RANGES_AT_ONCE = 20_000  # ranges in memory on their way to the target


class Store(Protocol):
    """What a target must be able to do with sql/ and with the ranges it holds."""

    def query(self, name: str, parameters: Mapping[str, Any]) -> list[Row]:
        """Run sql/queries/NAME.sql."""

    def applied(self, batch_id: str) -> bool:
        """Tell whether the ledger holds the batch."""

    def run(self, name: str, rows: Sequence[Mapping[str, Any] | Sequence[Any]]) -> int:
        """Run sql/statements/NAME.sql once a row; returns how many rows it changed."""

    def held(self, dataset: str, indicators: Collection[str]) -> Iterator[tuple[Series, HeldSeries]]:
        """Yield the series held of these indicators, ordered; ranges of earlier series may change meanwhile."""


@dataclass
class Known:
    """The vintages of one dataset that a target holds: key -> vintage, what it speaks for, its best channel."""

    vintages: dict[str, Vintage] = field(default_factory=dict)
    complete: dict[str, dict[str, Years]] = field(default_factory=dict)
    channels: dict[str, str] = field(default_factory=dict)


def publish(store: Store, batches: Sequence[Batch]) -> Counts:
    """Put batches of one dataset among what is held, with their ledger; see BaseTarget.publish."""
    dataset, counts, started = batches[0].vintage.dataset, Counts(), utc_now()
    known = read_known(store, dataset)
    new = {batch.batch_id: batch for batch in batches if not store.applied(batch.batch_id)}
    lasting = [batch for batch in new.values() if batch.lasts]
    counts.known = printings.best_dated([*known.vintages.values(), *(batch.vintage for batch in new.values())])
    if lasting:
        merge = Merge(known.complete, known.channels, [_arrival(batch) for batch in lasting], {})
        counts.moved = _moved(store, dataset, merge, counts.known)
        merge = Merge(known.complete, known.channels, merge.arrivals, counts.moved)
        _write_vintages(store, dataset, merge, counts.known, lasting)
        mains = {batch.main for batch in lasting}
        judged = {scope.indicator for batch in lasting for scope in batch.scopes}
        _write_ranges(store, dataset, merge, sorted(judged, key=lambda name: (name not in mains, name)), counts)
    for batch in new.values():
        _write_ledger(store, batch, counts)
    for batch in batches:
        counts.witnesses += store.run("insert_witness", [asdict(batch.witness) | {
            "run_id": batch.run_id, "batch_id": batch.batch_id, "started_at": started,
            "loaded_at": utc_now(), "accepted": ",".join(batch.accepted)}])
    return counts


def read_known(store: Store, dataset: str) -> Known:
    """Read what a target holds of a dataset, the figures left out."""
    known = Known()
    for row in store.query("vintages", {"dataset": dataset}):
        vintage = Vintage(dataset, **row)
        known.vintages[vintage.key], known.complete[vintage.key] = vintage, {}
    for row in store.query("scopes", {"dataset": dataset}):
        years = range(row["first_year"], row["last_year"] + 1) if row["first_year"] else ()
        scopes = known.complete[row["vintage"]]
        scopes[row["indicator"]] = scopes.get(row["indicator"], frozenset()).union(map(str, years))
    for row in store.query("channels", {"dataset": dataset}):
        vintage, channel = row["vintage"], row["channel"]
        known.channels[vintage] = min(known.channels.get(vintage, channel), channel, key=rank)
    return known


def _arrival(batch: Batch) -> Arrival:
    complete = {scope.indicator: frozenset(map(str, scope.years)) if scope.complete else frozenset[str]()
                for scope in batch.scopes}
    return Arrival(batch.vintage.key, batch.witness.channel, complete, batch.rows)


# --- which vintage it is ------------------------------------------------------------------------------------------


def _moved(store: Store, dataset: str, merge: Merge, vintages: Mapping[str, Vintage]) -> dict[str, str]:
    """Return vintage -> the one that it turns out to be; the figures are read only where two may be one."""
    arriving = {arrival.vintage for arrival in merge.arrivals}
    speaking = {key: vintages[key] for key in (*merge.held, *arriving) if key in arriving or merge.held[key]}
    pairs = printings.candidates(speaking, arriving)
    same = same_as_known(pairs, merge.word, _walk(store, dataset, merge)) if pairs else set()
    there = {key: vintages[key] for key in (*merge.held, *arriving)}  # one that says nothing may be dated twice too
    return printings.homes(there, [pair for pair in pairs if pair in same])


def _walk(store: Store, dataset: str, merge: Merge) -> Iterator[tuple[Series, HeldSeries, Arrived]]:
    return walk(store.held(dataset, merge.indicators), [in_series(arrival.rows()) for arrival in merge.arrivals])


def _write_vintages(store: Store, dataset: str, merge: Merge, vintages: Mapping[str, Vintage],
                    batches: Sequence[Batch]) -> None:
    """Write the vintages that arrive and what they speak for; those that turned out to be others leave."""
    gone = [{"dataset": dataset, "vintage": key} for key in merge.moved_away]
    for name in ("delete_scopes", "delete_vintage"):
        store.run(name, gone)
    arriving = {merge.home(batch.vintage.key) for batch in batches}
    store.run("insert_vintage", [asdict(vintages[key]) | {"vintage": key} for key in sorted(arriving)])
    moves = [{"dataset": dataset, "old_label": vintages[key].label, "old_updated": vintages[key].updated,
              "label": vintages[merge.home(key)].label, "updated": vintages[merge.home(key)].updated}
             for key in merge.moved_away]
    for name in ("move_batch", "move_picture"):
        store.run(name, moves)
    store.run("delete_scopes", [{"dataset": dataset, "vintage": key} for key in sorted(arriving)])
    store.run("insert_scope", [
        {"dataset": dataset, "indicator": indicator, "vintage": key, "first_year": first, "last_year": last}
        for key in sorted(arriving) for indicator, years in sorted(merge.joined[key].items())
        for first, last in runs(map(int, years))])


# --- ranges -------------------------------------------------------------------------------------------------------


def _write_ranges(store: Store, dataset: str, merge: Merge, judged: Collection[str], counts: Counts) -> None:
    losses = Losses(merge.timeline, {name: merge.new_to(name) for name in judged})
    gone: list[Sequence[Any]] = []
    new: list[Sequence[Any]] = []
    spoken: list[Sequence[Any]] = []
    for series, held, arrived in _walk(store, dataset, merge):
        after: dict[str, list[Range]] = {}
        for year, before, ranges, alone in merge.changes(series, held, arrived):
            after[year] = ranges
            key = (dataset, *series, year)
            spoken += [(*key, vintage) for vintage in alone]
            if before != ranges:
                gone += [(*key, r.start) for r in before if r not in ranges]
                new += [_row(key, r) for r in ranges if r not in before]
        losses.see(series, after)
        if len(new) + len(gone) > RANGES_AT_ONCE:
            _flush(store, gone, new, spoken, counts)
    _flush(store, gone, new, spoken, counts)
    store.run("delete_scope_keys", [{"dataset": dataset, "vintage": key} for key in merge.moved_away])
    store.run("delete_covered_keys", [{"dataset": dataset, "vintage": key} for key in sorted(merge.members)])
    counts.conflicts, counts.losses = merge.conflicts, losses.all()


def _row(key: tuple[str, ...], each: Range) -> Sequence[Any]:
    text, decimals, forecast = each.figure
    return (*key, each.start, each.end, text, text, decimals, forecast or None)


def _flush(store: Store, gone: list[Sequence[Any]], new: list[Sequence[Any]], spoken: list[Sequence[Any]],
           counts: Counts) -> None:
    counts.gone += store.run("delete_range", gone)
    counts.ranges += store.run("insert_range", new)
    store.run("insert_scope_key", spoken)
    for rows in (gone, new, spoken):
        rows.clear()


# --- the ledger ---------------------------------------------------------------------------------------------------


def _write_ledger(store: Store, batch: Batch, counts: Counts) -> None:
    home = counts.known[counts.moved.get(batch.vintage.key, batch.vintage.key)]
    if not batch.lasts:
        store.run("insert_vintage", [asdict(home) | {"vintage": home.key}])
    store.run("insert_batch", [{
        "batch_id": batch.batch_id, "dataset": home.dataset, "label": home.label, "updated": home.updated,
        "digest": batch.digest, "figures": batch.figures, "picture_year": batch.picture_year}])
    counts.figures += batch.figures
