"""The engine of small tables: pandas reads one vintage whole, every rule is applied once to each distinct text."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from engines import CleanBatch, CleanJob, digest_of, plain_indicator
from engines._columns import Column, Flags, Numbers, Objects, crossed, merged, numbered, objects, paired, ranks
from engines._fates import EMPTY, EXACT, FATES, GROUP, NO_NUMBER, NO_UNIT, NO_YEAR, RULES, STAYS, STRANGER, SUPERSEDED
from pipeline.parts import read_rows
from rules import cleaning, gates
from rules.gates import Census
from rules.identity import AGGREGATE, UNKNOWN, WORLD
from rules.indicators import INDICATORS, MAIN
from rules.records import ACTUAL, FORECAST, CleanRecord, Quarantined, StagedRecord
from rules.records import AGGREGATE as STATUS_AGGREGATE

FORECASTS = {ACTUAL: "0", FORECAST: "1"}


class _Kind(NamedTuple):
    """How cells of one indicator, unit and scale are read; stated: the decimals that the publisher states for them."""

    places: int
    stated: int | None
    percent: bool
    fault: str


def clean(job: CleanJob) -> CleanBatch:
    """Clean one vintage; see engines for what goes in and comes out."""
    if not gc.get_freeze_count():  # what pandas has made so far stays: to look through it again and again costs a fifth
        gc.freeze()
    return _Vintage(job, read(job)).batch()


def read(job: CleanJob) -> pd.DataFrame:
    """Return the staged parts as one frame of texts, columns as in StagedRecord."""
    frames = [_read_part(path) for path in job.files]
    frame = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
    return frame[list(StagedRecord._fields)]


def _read_part(path: Path) -> pd.DataFrame:
    with path.open("rb") as stream:
        if any(b"\0" in block for block in iter(lambda: stream.read(1 << 20), b"")):  # pandas 2 cuts texts there
            header, *rows = read_rows(path)
            return pd.DataFrame(rows, columns=header, dtype=object)
    return pd.read_csv(path, dtype=object, na_filter=False, encoding="utf-8", engine="c", skip_blank_lines=False,
                       low_memory=False)


class _Vintage:
    """One vintage between staged and clean.

    Columns are of all rows, as staged (indicator, raw, status, year) or as the rules see them (iso3, kind, value_text);
    fate says what becomes of each row, kept holds the rows that stay, sorted by indicator, iso3 and year.
    """

    def __init__(self, job: CleanJob, frame: pd.DataFrame) -> None:
        text = {name: numbered(frame[name].to_numpy()) for name in StagedRecord._fields if name != "locator"}
        self.job = job
        self.locator: Objects = frame["locator"].to_numpy()
        self.indicator, self.raw, self.year = text["indicator"], text["raw"], text["year"]
        self.place = paired(text["code"], text["name"])
        self.iso3 = self.place.mapped(lambda pair: job.identity.resolve(*pair))
        self.group = text["status"].flags(lambda status: status == STATUS_AGGREGATE)
        self.forecast = text["status"].mapped(lambda status: FORECASTS.get(status, ""))
        self.years = self._years()
        self.kind = merged(paired(paired(self.indicator, text["unit"]), text["scale"]).mapped(self._kind))
        self.value_text, self.decimals, self.fault = self._figures()
        self.fate = self._fates()
        self.kept = self._deduplicated()

    # --- what the rules say ---------------------------------------------------------------------------------------

    def _years(self) -> Numbers:
        years = [cleaning.year_of(text) or 0 for text in self.year.distinct]
        return np.array(years, dtype=np.int64)[self.year.codes]

    def _kind(self, key: tuple[tuple[str, str], str]) -> _Kind:
        (indicator, unit), scale = key
        places = cleaning.places_of(indicator, unit, scale)
        known, fault = (places, "") if isinstance(places, int) else (0, places)
        return _Kind(known, self.job.decimals.get(indicator), cleaning.is_percent(unit), fault)

    def _figures(self) -> tuple[Column[str], Column[str], Column[str]]:
        """Return value_text, decimals and fault, each distinct text read once and moved once for each kind it has."""
        mark, raws, kinds = self.job.decimal_mark, self.raw.distinct, self.kind.distinct
        codes, raw_at, kind_at = crossed(self.raw, self.kind)
        numbers = [cleaning.parse_number(raw, mark) for raw in raws]
        texts, written, faults = (objects([number[at] for number in numbers])[raw_at] for at in range(3))
        for at in self._percentages(raw_at, kind_at):
            texts[at], written[at], faults[at] = cleaning.parse_number(raws[raw_at[at]], mark, percent=True)
        places = np.array([kind.places for kind in kinds], dtype=np.int64)[kind_at]
        for at in np.flatnonzero(places).tolist():
            texts[at] = cleaning.shifted(texts[at], int(places[at]))
        stated = objects([kind.stated for kind in kinds])[kind_at]
        decimals, distinct = pd.factorize(np.where(stated == None, written, stated) - places)  # noqa: E711  by element
        return (Column(codes, texts.tolist()), Column(decimals[codes], list(map(str, distinct.tolist()))),
                Column(codes, faults.tolist()))

    def _percentages(self, raw_at: Numbers, kind_at: Numbers) -> list[int]:
        """Return which pairs of a text and a kind are a text with a percent sign in a column of percentages."""
        signed = np.array(["%" in raw for raw in self.raw.distinct], dtype=bool)
        percent = np.array([kind.percent for kind in self.kind.distinct], dtype=bool)
        found: list[int] = np.flatnonzero(signed[raw_at] & percent[kind_at]).tolist()
        return found

    def _fates(self) -> Numbers:
        """Return for every row why it leaves, STAYS where it stays; the first reason counts."""
        reasons = {
            GROUP: self.group | self.iso3.flags(lambda iso3: iso3 in (AGGREGATE, WORLD)),
            STRANGER: self.iso3.flags(lambda iso3: iso3 == UNKNOWN),
            EMPTY: ~(self.value_text.flags(bool) | self.fault.flags(bool)),
            NO_NUMBER: self.fault.flags(bool),
            NO_YEAR: self.years == 0,
            NO_UNIT: self.kind.flags(lambda kind: bool(kind.fault)),
        }
        return np.select(list(reasons.values()), list(reasons), STAYS).astype(np.int64, copy=False)

    def _deduplicated(self) -> Numbers:
        """Return the rows that stay, sorted; of those that speak for one key only the last of the file stays."""
        stays = np.flatnonzero(self.fate == STAYS)
        key = (ranks(self.indicator) * (len(self.place.distinct) + 1) + ranks(self.iso3)) * 10_000 + self.years
        order = stays[np.argsort(key[stays], kind="stable")]
        repeated = key[order[:-1]] == key[order[1:]]
        if repeated.any():
            self._mark_duplicates(key, set(order[:-1][repeated].tolist()))
        kept: Numbers = order[self.fate[order] == STAYS]
        return kept

    def _mark_duplicates(self, key: Numbers, leaving: set[int]) -> None:
        """Mark the rows that a later one of their key follows: exact where a later one says the same."""
        doubled = np.flatnonzero((self.fate == STAYS) & np.isin(key, key[list(leaving)]))[::-1]
        said = zip(key[doubled].tolist(), self.value_text.of(doubled), self.forecast.of(doubled), strict=True)
        seen = set()
        for row, fact in zip(doubled.tolist(), said, strict=True):
            if row in leaving:
                self.fate[row] = EXACT if fact in seen else SUPERSEDED
            seen.add(fact)

    # --- what comes out -------------------------------------------------------------------------------------------

    def batch(self) -> CleanBatch:
        """Return the outcome."""
        job, main = self.job, self.indicator.flags(lambda name: name == self.job.main)
        texts = self._texts(self.kept)
        indicators = self.indicator.mapped(plain_indicator).of(self.kept)
        digest = digest_of(zip(indicators, texts["iso3"], texts["year"], texts["value_text"], texts["decimals"],
                               texts["forecast"], strict=True))
        economies = set(self.iso3.of(self.kept[main[self.kept]]))
        picture = self._picture(self.kept[main[self.kept] & self._in_picture(self.kept)])
        gdp = {record.iso3: Decimal(record.value_text) for record in picture}
        unknown, names = self._unknown_names()
        jumps = self._jumps(texts)
        jumped = list(dict.fromkeys(iso3 for iso3, _ in jumps))
        census = Census(job.dataset, job.vintage, job.picture_year, gdp, self._world(main), names, unknown,
                        [text for _, text in jumps], jumped, economies, job.main)
        return CleanBatch(zip(*texts.values(), strict=True), self._balance(), list(self._quarantined()), digest, census,
                          picture, sorted(economies - gdp.keys()))

    def _texts(self, rows: Numbers) -> dict[str, list[str]]:
        """Return the fields of CleanRecord as texts, a list a field."""
        return {
            "iso3": self.iso3.of(rows), "indicator": self.indicator.of(rows), "year": self.year.of(rows),
            "value_text": self.value_text.of(rows), "decimals": self.decimals.of(rows),
            "forecast": self.forecast.of(rows), "locator": self.locator[rows].tolist(),
        }

    def _in_picture(self, rows: Numbers) -> Flags:
        wanted = self.job.picture_year
        return self.years[rows] == wanted if wanted else np.ones(len(rows), dtype=bool)

    def _picture(self, rows: Numbers) -> list[CleanRecord]:
        """Return these rows as records; where cells carry their own year, the latest of each economy."""
        records = (
            CleanRecord(iso3, indicator, int(year), text, int(decimals), int(forecast) if forecast else None, locator)
            for iso3, indicator, year, text, decimals, forecast, locator in zip(
                *self._texts(rows).values(), strict=True))
        return list({record.iso3: record for record in records}.values())

    def _balance(self) -> dict[str, int]:
        counts: Counter[str] = Counter({"in": len(self.fate), "out": 0})
        for fate, count in enumerate(np.bincount(self.fate, minlength=len(FATES)).tolist()):
            counts[FATES[fate]] += count
        return {name: count for name, count in counts.items() if count or name in ("in", "out")}

    def _quarantined(self) -> Iterator[Quarantined]:
        """Yield what could not be used, and what a later row of the file superseded, in the file's order."""
        rows = np.flatnonzero(np.isin(self.fate, list(RULES)))
        explain = cache(self.job.identity.explain)  # a name that nobody knows has many rows
        columns = (self.fate[rows].tolist(), self.locator[rows].tolist(), self.raw.of(rows), self.place.of(rows),
                   self.iso3.of(rows), self.indicator.of(rows), self.year.of(rows), self.fault.of(rows),
                   self.kind.of(rows))
        for fate, locator, raw, place, iso3, indicator, year, fault, kind in zip(*columns, strict=True):
            if fate == STRANGER:
                detail = explain(*place)
            elif fate == NO_NUMBER:
                detail = f"{raw[:cleaning.SHOWN]!r} {fault}"
            elif fate == NO_YEAR:
                detail = f"{year[:cleaning.SHOWN]!r} is no year"
            elif fate == NO_UNIT:
                detail = kind.fault
            else:
                detail = f"a later row says otherwise for {iso3}, {indicator[:cleaning.SHOWN]}, {year}"
            yield Quarantined(RULES[fate], locator, raw, detail)

    # --- for the gates --------------------------------------------------------------------------------------------

    def _unknown_names(self) -> tuple[list[str], int]:
        """Return the names and codes nobody knows, and how many different ones there are, aggregates left out."""
        judged = np.unique(self.place.codes[self.fate != GROUP]).tolist()
        unknown = [self.place.distinct[at] for at in judged if self.iso3.distinct[at] == UNKNOWN]
        return [name or code for code, name in unknown], len(judged)

    def _world(self, main: Flags) -> Decimal | None:
        """Return the World row's figure in the picture's year, however its thousands marks are written."""
        rows = np.flatnonzero(main & self.iso3.flags(lambda iso3: iso3 == WORLD))
        rows = rows[self._in_picture(rows)]
        for raw, kind in zip(self.raw.of(rows), self.kind.of(rows), strict=True):
            text = cleaning.lenient_number(raw, self.job.decimal_mark)
            if text and not kind.fault:
                return Decimal(cleaning.shifted(text, kind.places))
        return None

    def _jumps(self, texts: Mapping[str, list[str]]) -> list[tuple[str, str]]:
        """Return (iso3, sentence) for neighbouring figures that differ more than the dataset's limit, GDP first."""
        limit, kept = gates.limits_of(self.job.dataset).jump, self.kept
        level = np.flatnonzero(
            self.indicator.flags(lambda name: name in INDICATORS and INDICATORS[name].continuous)[kept])
        series = (ranks(self.indicator) * (len(self.place.distinct) + 1) + ranks(self.iso3))[kept[level]]
        values = np.array([float(texts["value_text"][at]) for at in level.tolist()], dtype=np.float64)
        before, after, apart = values[:-1], values[1:], np.diff(self.years[kept[level]])
        neighbours = (np.diff(series) == 0) & (apart <= gates.NEIGHBOURS) & (before > 0) & (after > 0)
        apart_far = neighbours & ((after > before * limit) | (after * limit < before))
        found = []
        for at in level[np.flatnonzero(apart_far)].tolist():  # a series stands together: the next row is the neighbour
            iso3, name = texts["iso3"][at], texts["indicator"][at]
            one, other = (f"{texts['value_text'][i]} in {texts['year'][i]}" for i in (at, at + 1))
            found.append((iso3, f"{iso3} {name} is {one} and {other}"))
        return sorted(found, key=lambda each: not each[1].startswith(f"{each[0]} {MAIN} "))
