"""Figures, ranges and changes between editions, counted straight from the captures, to hold the history against.

Nothing of the project is imported: its history may agree with this reading, it may not be the same one. Units are the
canonical ones: NGDPD in billion US dollars, LP in million persons, NGDPDPC in US dollars, rates in percent, any other
indicator in plain units.
"""

from __future__ import annotations

import csv
import functools
import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

FIVE = ("NGDPD", "NGDP_RPCH", "NGDPDPC", "LP", "PCPIPCH")
CANONICAL = {"NGDPD": 9, "NGDP_RPCH": 0, "NGDPDPC": 0, "LP": 6, "PCPIPCH": 0}  # powers of ten of the plain unit
# Two codes of the map's new side are the IMF's own and no ISO 3166 codes.
ISO = {"KOS": "XKX", "WBG": "PSE"}
EXPONENTS = {"NULL": 0, "0.0": 0, "1": 0, "1.0": 0, "6.0": 6, "1000000": 6, "1000000.0": 6,
             "9.0": 9, "1000000000": 9, "1000000000.0": 9}

Key = tuple[str, str, int]  # indicator, iso3 (or the code of a group), year
Held = tuple[str, int | None]  # canonical decimal text; 1 forecast, 0 actual, None not told
Figures = dict[str, dict[Key, Held]]  # vintage -> key -> value
Spoken = dict[str, set[tuple[str, int]]]  # vintage -> (indicator, year) it speaks for


class Range(NamedTuple):
    """A value from one vintage up to, not including, another; end None is current."""

    start: str
    end: str | None
    text: str
    flag: int | None


@dataclass
class Pair:
    """What a vintage changed against its neighbour before it; values are (old, new)."""

    older: str
    newer: str
    before: int = 0
    after: int = 0
    common: int = 0
    revised: dict[Key, tuple[Held, Held]] = field(default_factory=dict)  # the figure differs
    confirmed: set[Key] = field(default_factory=set)  # the figure is the same, the forecast turned actual
    reflagged: dict[Key, tuple[Held, Held]] = field(default_factory=dict)  # the figure is the same, another flag change
    appeared: set[Key] = field(default_factory=set)  # the older spoke for the year and had none
    withdrawn: set[Key] = field(default_factory=set)  # the newer speaks for the year and has none
    new_years: set[Key] = field(default_factory=set)  # the older did not speak for the year
    dropped_years: set[Key] = field(default_factory=set)  # the newer does not speak for the year
    gained: set[str] = field(default_factory=set)  # economies with a figure in years both speak for, and before none
    lost: set[str] = field(default_factory=set)


# --- reading the captures -----------------------------------------------------------------------------------------


@functools.cache
def areas(captures: Path) -> dict[str, str]:
    """Return iso3, or the code of a group, by every code that an area had: {"967": "XKX", "KOS": "XKX", ...}."""
    with (captures / "weo_ngdpd" / "old_new_ref_area.csv").open(encoding="utf-8", newline="") as stream:
        new = {row["ref_area"]: row["ref_area_new"] for row in csv.DictReader(stream)}
    return {code: ISO.get(name, name) for old, name in new.items() for code in (old, name)}


def is_group(area: str) -> bool:
    """Tell a group from an economy by its code after the map: three letters are an economy, "G001" and "511" not."""
    return re.fullmatch("[A-Z]{3}", area) is None


def last_actual(said: str | None) -> int | None:
    """Return the last actual year: 2024 for "2024", "2024.0" and "FY2023/24", None where none is told ("0.0")."""
    if found := re.fullmatch(r"FY([0-9]{4})/[0-9]{2}", said or ""):
        return int(found[1]) + 1
    found = re.fullmatch(r"([0-9]{4})(?:\.0)?", said or "")
    return int(found[1]) if found else None


def text_of(value: float, shift: int = 0) -> str:
    """Return the thousandths of a figure, times ten to the power of shift, as canonical text: 1.2300000001 is "1.23".

    The IMF writes three decimals; whatever a double holds beyond them is of the files' making.
    """
    exact = Decimal(repr(round(value, 3))).scaleb(shift)
    plain = format(exact, "f")
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if plain in {"-0", ""} else plain


@functools.cache
def _panel(captures: Path) -> Mapping[str, Any]:
    """Return the panel as a frame of rows for each indicator."""
    import pandas as pd

    frame = pd.read_parquet(captures / "weo_panel.parquet").drop(columns="unit")
    return {str(name): rows for name, rows in frame.groupby("concept", observed=True)}


def indicators(captures: Path) -> list[str]:
    """Return every indicator of the panel: 147, of which FLIBOR3 and FLIBOR6 end in October 2021."""
    return sorted(_panel(captures))


def vintages(captures: Path) -> list[str]:
    """Return the ten labels in publication order."""
    return sorted({str(label) for label in _panel(captures)["NGDPD"]["vintage"].unique()})


def figures(captures: Path, wanted: Iterable[str] = FIVE, *, groups: bool = False) -> Figures:
    """Return the figures of some indicators in every vintage of the panel; groups of countries only if asked for."""
    found: Figures = {vintage: {} for vintage in vintages(captures)}
    name_of = areas(captures)
    for indicator in wanted:
        rows = _panel(captures)[indicator]
        columns = [rows[name].astype(object).where(rows[name].notna(), None).tolist()
                   for name in ("vintage", "ref_area", "year", "value", "scale", "lastactualdate")]
        for vintage, code, year, value, scale, said in zip(*columns, strict=True):
            area, last = name_of.get(code, code), last_actual(said)
            if groups or not is_group(area):
                text = text_of(value, EXPONENTS[scale] - CANONICAL.get(indicator, 0))
                found[vintage][indicator, area, int(year)] = (text, None if last is None else int(year > last))
    return found


def speaks(captures: Path, wanted: Iterable[str] = FIVE) -> Spoken:
    """Return the (indicator, year) each vintage speaks for: any figure of any area in that year, a group's too."""
    found: Spoken = {vintage: set() for vintage in vintages(captures)}
    for indicator in wanted:
        columns = _panel(captures)[indicator][["vintage", "year"]].drop_duplicates()
        for vintage, year in zip(columns["vintage"], columns["year"], strict=True):
            found[vintage].add((indicator, int(year)))
    return found


def ngdpd_tables(captures: Path, *, groups: bool = False) -> Figures:
    """Return NGDPD in every vintage from the ten CSV tables, read with csv alone: the panel's cross-check."""
    found: Figures = {}
    for path in sorted((captures / "weo_ngdpd").glob("data_*.csv")):
        vintage = found.setdefault(f"20{path.stem[5:7]}-{path.stem[7:]}", {})
        with path.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                area, year = areas(captures).get(row["ref_area"], row["ref_area"]), int(float(row["year"]))
                last = last_actual(row["lastactualdate"])
                if row["value"] and (groups or not is_group(area)):
                    text = text_of(float(row["value"]), EXPONENTS[row["scale"]] - 9)
                    vintage["NGDPD", area, year] = (text, None if last is None else int(year > last))
    return found


# --- history ------------------------------------------------------------------------------------------------------


def plain(held: Figures) -> Figures:
    """Return the same figures with no flag told, for counting what the figures alone did."""
    return {vintage: {key: (text, None) for key, (text, _) in rows.items()} for vintage, rows in held.items()}


def ranges(held: Figures, spoken: Spoken) -> dict[Key, list[Range]]:
    """Return every key's ranges, oldest first.

    Each is a maximal run of equal values over consecutive vintages that speak for the key: absence ends a run, a
    vintage that does not speak is passed over.
    """
    order = sorted(held)
    found = {}
    for key in dict.fromkeys(key for vintage in order for key in held[vintage]):
        told = [v for v in order if key in held[v] or (key[0], key[2]) in spoken[v]]
        found[key] = _runs([(vintage, held[vintage].get(key)) for vintage in told])
    return found


def _runs(told: list[tuple[str, Held | None]]) -> list[Range]:
    """Compress what the vintages told of one key, None for nothing."""
    found: list[Range] = []
    current: tuple[str, Held] | None = None
    for vintage, value in told:
        if current and value == current[1]:
            continue
        if current:
            found.append(Range(current[0], vintage, *current[1]))
        current = (vintage, value) if value is not None else None
    if current:
        found.append(Range(current[0], None, *current[1]))
    return found


def pairs(held: Figures, spoken: Spoken) -> list[Pair]:
    """Return what each vintage changed against its neighbour before it."""
    order = sorted(held)
    return [_pair(older, newer, held, spoken) for older, newer in itertools.pairwise(order)]


def _pair(older: str, newer: str, held: Figures, spoken: Spoken) -> Pair:
    """Compare two vintages."""
    old, new = held[older], held[newer]
    found = Pair(older, newer, len(old), len(new), len(old.keys() & new.keys()))
    for key in old.keys() & new.keys():
        if old[key] != new[key]:
            _classify(found, key, old[key], new[key])
    both = spoken[older] & spoken[newer]
    for key in new.keys() - old.keys():
        (found.appeared if (key[0], key[2]) in both else found.new_years).add(key)
    for key in old.keys() - new.keys():
        (found.withdrawn if (key[0], key[2]) in both else found.dropped_years).add(key)
    was, now = ({key[1] for key in rows if (key[0], key[2]) in both} for rows in (old, new))
    found.gained, found.lost = now - was, was - now
    return found


def _classify(pair: Pair, key: Key, old: Held, new: Held) -> None:
    """Put a value that changed where it belongs."""
    if old[0] != new[0]:
        pair.revised[key] = (old, new)
    elif (old[1], new[1]) == (1, 0):
        pair.confirmed.add(key)
    else:
        pair.reflagged[key] = (old, new)


def moved(pair: Pair, year: int, share: float = 0.2) -> dict[str, float]:
    """Return the areas whose NGDPD of a year moved by more than a share of the old figure, and by how much."""
    found = {}
    for (indicator, area, of), (old, new) in pair.revised.items():
        if indicator == "NGDPD" and of == year and float(old[0]):
            change = float(new[0]) / float(old[0]) - 1
            if abs(change) > share:
                found[area] = change
    return found
