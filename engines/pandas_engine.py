"""The engine of small tables: a vintage in a pandas frame, every rule applied once to each distinct text."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from engines import CleanBatch, CleanJob
from rules import cleaning
from rules.gates import Census, limits_of
from rules.identity import AGGREGATE, UNKNOWN, WORLD
from rules.indicators import INDICATORS
from rules.records import ACTUAL, FORECAST, CleanRecord, Quarantined, StagedRecord
from rules.records import AGGREGATE as STATUS_AGGREGATE

_STAYS = ""
_AGGREGATE, _NO_VALUE = "set aside: aggregate", "set aside: no value"
_EXACT, _SUPERSEDED = "duplicate: exact", "duplicate: superseded"
_QUARANTINED = "quarantined"
_SEPARATOR = "\x1f"

Column = np.ndarray[Any, np.dtype[Any]]


def clean(job: CleanJob) -> CleanBatch:
    """Clean one vintage; see engines for what goes in and comes out."""
    frame = read(job)
    _add(frame, iso3=_identities(frame, job))
    _add(frame, **_figures(frame, job))
    _add(frame, **_fates(frame))
    world = _world(frame, job)
    _mark_duplicates(frame)
    quarantined = _quarantine(frame, job)
    balance = _balance(frame)
    unknown, names = _unknown_names(frame)
    kept = frame[frame["fate"] == _STAYS].astype({"year": np.int64}).sort_values(["indicator", "iso3", "year"])
    jumps = _jumps(kept, job)
    picture = _picture(kept, job)
    census = Census(job.dataset, job.vintage, job.picture_year,
                    {row.iso3: Decimal(row.value_text) for row in picture}, world, names, unknown,
                    [text for _, text in jumps], list(dict.fromkeys(iso3 for iso3, _ in jumps)))
    shown = {row.iso3 for row in picture}
    missing = sorted(set(kept.loc[kept["indicator"] == job.main, "iso3"]) - shown)
    return CleanBatch(_records(kept), balance, quarantined, _digest(kept), census, picture, missing)


def read(job: CleanJob) -> pd.DataFrame:
    """Return the staged parts as one frame of texts, columns as in StagedRecord, its year as year_text."""
    frames = [pd.read_csv(path, dtype=object, na_filter=False, encoding="utf-8", engine="c", skip_blank_lines=False)
              for path in job.files]
    frame = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
    return frame[list(StagedRecord._fields)].rename(columns={"year": "year_text"})


def _add(frame: pd.DataFrame, **columns: Column) -> None:
    """Add columns as plain Python objects: the same speed and results whether or not pyarrow is installed."""
    for name, values in columns.items():
        frame[name] = pd.Series(values, dtype=object if values.dtype == object else None, index=frame.index)


def _mapped(keys: Column | pd.Series[Any], rule: Callable[[Any], Any]) -> Column:
    """Apply a rule once to each distinct key and return its result for every row, as objects."""
    codes, distinct = pd.factorize(np.asarray(keys, dtype=object))
    results = np.empty(len(distinct), dtype=object)
    results[:] = [rule(key) for key in distinct]
    return results[codes]


def _identities(frame: pd.DataFrame, job: CleanJob) -> Column:
    """Return iso3, AGGREGATE, WORLD or UNKNOWN for every row."""
    keys = (frame["code"] + _SEPARATOR + frame["name"]).to_numpy()
    return _mapped(keys, lambda key: job.identity.resolve(*key.split(_SEPARATOR, 1)))


def _figures(frame: pd.DataFrame, job: CleanJob) -> dict[str, Column]:
    """Return the columns value_text, decimals, year, forecast, and why a cell or its unit is not usable."""
    numbers = _mapped(frame["raw"], lambda raw: cleaning.parse_number(raw, job.decimal_mark))
    triples = (frame["indicator"] + _SEPARATOR + frame["unit"] + _SEPARATOR + frame["scale"]).to_numpy()
    places = _mapped(triples, lambda key: _places(*key.split(_SEPARATOR)))
    texts = np.array([number.text for number in numbers], dtype=object)
    for place in {p for p in places if isinstance(p, int) and p}:
        here = places == place
        texts[here] = _mapped(texts[here], partial(cleaning.shifted, places=place))
    moved = np.array([p if isinstance(p, int) else 0 for p in places], dtype=np.int64)
    written = np.array([number.decimals for number in numbers], dtype=np.int64)
    for indicator, stated in job.decimals.items():
        written[(frame["indicator"] == indicator).to_numpy()] = stated
    return {
        "value_text": texts, "decimals": written - moved, "year": _mapped(frame["year_text"], cleaning.year_of),
        "forecast": _mapped(frame["status"], {ACTUAL: 0, FORECAST: 1}.get),
        "fault": np.array([number.fault for number in numbers], dtype=object),
        "unit_fault": np.array(["" if isinstance(p, int) else p for p in places], dtype=object),
    }


def _places(indicator: str, unit: str, scale: str) -> int | str:
    """Return by how many places a cell moves to its indicator's canonical unit, or why it cannot."""
    known = INDICATORS.get(indicator)
    exponent = cleaning.exponent_of(scale)
    if exponent is None:
        return f"the scale {scale!r} is unknown"
    if known and known.money and not cleaning.is_us_dollars(unit):
        return f"the unit {unit!r} is not US dollars"
    return exponent - (known.exponent if known else 0)


def _fates(frame: pd.DataFrame) -> dict[str, Column]:
    """Return for every row why it leaves ("" where it stays) and the name of the rule that refused it."""
    iso3, fault, unit_faults = (frame[name].to_numpy() for name in ("iso3", "fault", "unit_fault"))
    no_value = (frame["value_text"].to_numpy() == "") & (fault == "")
    year_missing = np.array([year is None for year in frame["year"]], dtype=bool)
    unknown = iso3 == UNKNOWN
    aggregate = (frame["status"].to_numpy() == STATUS_AGGREGATE) | (iso3 == AGGREGATE) | (iso3 == WORLD)
    fate = np.select(
        [aggregate, unknown, no_value, (fault != "") | year_missing | (unit_faults != "")],
        [_AGGREGATE, _QUARANTINED, _NO_VALUE, _QUARANTINED], _STAYS).astype(object)
    rule = np.select([unknown, fault != "", year_missing, unit_faults != ""],
                     ["identity", "number", "year", "unit"], "").astype(object)
    return {"fate": fate, "rule": rule}


def _mark_duplicates(frame: pd.DataFrame) -> None:
    """Of rows that speak for one key the last of the file stays; equal ones are exact, others superseded."""
    stays = frame[frame["fate"] == _STAYS]
    key = ["indicator", "iso3", "year"]
    if not stays.duplicated(key).any():
        return
    exact = stays.index[stays.duplicated([*key, "value_text"], keep="last")]
    superseded = stays.index[stays.duplicated(key, keep="last")].difference(exact)
    frame.loc[exact, "fate"] = _EXACT
    frame.loc[superseded, ["fate", "rule"]] = [_SUPERSEDED, "superseded"]


def _quarantine(frame: pd.DataFrame, job: CleanJob) -> list[Quarantined]:
    """Return the rows that could not be used, and those a later row of the file superseded, each with its reason."""
    out = frame[frame["fate"].isin([_QUARANTINED, _SUPERSEDED])]
    return [Quarantined(row["rule"], row["locator"], row["raw"], _detail(row, job)) for row in _dicts(out)]


def _detail(row: dict[str, Any], job: CleanJob) -> str:
    """Return for a person why a row could not be used."""
    rule = row["rule"]
    if rule == "identity":
        return job.identity.explain(row["code"], row["name"])
    if rule == "number":
        return f"{row['raw']!r} {row['fault']}"
    if rule == "year":
        return f"{row['year_text']!r} is no year"
    if rule == "unit":
        return str(row["unit_fault"])
    return f"a later row says otherwise for {row['iso3']}, {row['indicator']}, {row['year']}"


def _dicts(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a small frame as dictionaries of plain Python values."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _balance(frame: pd.DataFrame) -> dict[str, int]:
    counts = Counter(frame["fate"].to_numpy())
    names = {_STAYS: "out", _QUARANTINED: "quarantined"}
    return {"in": len(frame), "out": counts.pop(_STAYS, 0)} | {names.get(n, n): c for n, c in sorted(counts.items())}


def _unknown_names(frame: pd.DataFrame) -> tuple[list[str], int]:
    """Return the names and codes nobody knows, and how many different ones there are, aggregates left out."""
    pairs = frame.loc[frame["fate"] != _AGGREGATE, ["code", "name", "iso3"]].drop_duplicates()
    unknown = pairs[pairs["iso3"] == UNKNOWN]
    labels = [name or code for code, name in zip(unknown["code"], unknown["name"], strict=True)]
    return labels, len(pairs)


def _in_picture(frame: pd.DataFrame, job: CleanJob) -> pd.Series[bool]:
    main = frame["indicator"] == job.main
    return main & (frame["year"] == job.picture_year) if job.picture_year else main


def _world(frame: pd.DataFrame, job: CleanJob) -> Decimal | None:
    """Return the World row's GDP in the canonical unit, however its thousands marks are written."""
    rows = frame[(frame["iso3"] == WORLD) & _in_picture(frame, job) & (frame["unit_fault"] == "")]
    for row in _dicts(rows):
        places = _places(row["indicator"], row["unit"], row["scale"])
        text = cleaning.lenient_number(row["raw"])
        if text and isinstance(places, int):
            return Decimal(cleaning.shifted(text, places))
    return None


def _picture(kept: pd.DataFrame, job: CleanJob) -> list[CleanRecord]:
    """Return the main indicator in the picture's year; where cells carry their own, the latest of each economy."""
    rows = list(_records(kept[_in_picture(kept, job)]))
    return list({row.iso3: row for row in rows}.values())


def _jumps(kept: pd.DataFrame, job: CleanJob) -> list[tuple[str, str]]:
    """Return (iso3, sentence) for neighbouring years that differ more than the dataset's limit, GDP first."""
    limit = limits_of(job.dataset).jump
    found = []
    for name in [n for n, each in INDICATORS.items() if each.continuous]:
        rows = kept[kept["indicator"] == name]
        if len(rows) < 2:
            continue
        values = np.array([float(text) for text in rows["value_text"]])
        iso3, years = rows["iso3"].to_numpy(), rows["year"].to_numpy()
        neighbours = (iso3[1:] == iso3[:-1]) & (years[1:] - years[:-1] == 1) & (values[1:] > 0) & (values[:-1] > 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(neighbours, values[1:] / values[:-1], 1.0)
        for at in np.flatnonzero((ratio > limit) | (ratio < 1 / limit)):
            one, other = rows["value_text"].iloc[at], rows["value_text"].iloc[at + 1]
            found.append((iso3[at], f"{iso3[at]} {name} is {one} in {years[at]} and {other} in {years[at + 1]}"))
    return found


def _records(kept: pd.DataFrame) -> Iterator[CleanRecord]:
    columns = [kept[name].tolist() for name in CleanRecord._fields]
    return map(CleanRecord._make, zip(*columns, strict=True))


def _digest(kept: pd.DataFrame) -> str:
    columns = (kept[name].tolist() for name in ("indicator", "iso3", "year", "value_text", "forecast"))
    text = "\n".join([",".join(map(str, row)) for row in zip(*columns, strict=True)])
    return hashlib.sha256(text.encode()).hexdigest()
