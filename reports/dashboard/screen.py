"""The market screen: which economies are large, grow, grow steadily, and are told by figures that stay.

Four measures of each economy, each compared with all other economies as the share of them that it is better than, and
their mean by the reader's weights. Pure functions; page.js computes the same from the same four shares.

It says what GDP can say, and no more: nothing of prices, laws, competitors or peace.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev

from reports.dashboard.series import Line, Series

MEASURES = ("size", "growth", "steady", "risk")
WEIGHTS: Mapping[str, int] = {"size": 40, "growth": 30, "steady": 15, "risk": 15}
FALLING = ("steady", "risk")  # measures of which less is better
AHEAD = 5  # years of growth that are looked at: the picture's and those after it
FEWEST = 3  # of them that must have a figure, else the years before count
BEHIND, FEWEST_BEHIND = 10, 5  # years over which growth's steadiness is taken, and how many must have a figure
REVISED = 5  # years up to the picture's whose revisions count


@dataclass(frozen=True)
class Scored:
    """An economy of the screen: its measures, None where one cannot be told, and what share of the others it beats.

    measures: GDP in billion US dollars; mean growth in percent; the standard deviation of growth in points; the mean
    revision in percent. shares: 0 to 1, larger is better.
    """

    iso3: str
    measures: Mapping[str, float | None]
    shares: Mapping[str, float | None]


def measures(gdp: float | None, series: Series | None, growth: Line | None, place: int) -> dict[str, float | None]:
    """Return the four measures of an economy. place: of the picture's year in the lines."""
    line = growth or []
    ahead = _told(line, place, place + AHEAD)
    if len(ahead) < FEWEST:
        ahead = _told(line, place - AHEAD + 1, place + 1)
    behind = _told(line, place - BEHIND + 1, place + 1)
    return {
        "size": gdp,
        "growth": fmean(ahead) if len(ahead) >= FEWEST else None,
        "steady": pstdev(behind) if len(behind) >= FEWEST_BEHIND else None,
        "risk": revised(series.lines(), place) if series else None,
    }


def revised(lines: Sequence[Line], place: int) -> float | None:
    """Return by how many percent of today's figure older editions were off, on average, over five years.

    lines: of each edition, the oldest first. None where no older edition has a figure of these years.
    """
    found = []
    for at in range(max(place - REVISED + 1, 0), place + 1):
        now = lines[-1][at]
        found += [100 * abs(now - then) / abs(now) for older in lines[:-1] if now and (then := older[at]) is not None]
    return fmean(found) if found else None


def _told(line: Line, first: int, stop: int) -> list[float]:
    return [value for value in line[max(first, 0):max(stop, 0)] if value is not None]


def scored(found: Mapping[str, Mapping[str, float | None]]) -> list[Scored]:
    """Return every economy with its shares. found: iso3 -> measures."""
    shares = {name: _shares({iso3: each[name] for iso3, each in found.items()}, falling=name in FALLING)
              for name in MEASURES}
    return [Scored(iso3, each, {name: shares[name].get(iso3) for name in MEASURES}) for iso3, each in found.items()]


def _shares(values: Mapping[str, float | None], *, falling: bool) -> dict[str, float]:
    """Return iso3 -> the share of the other economies that it is better than; equal ones count half."""
    told = {iso3: -value if falling else value for iso3, value in values.items() if value is not None}
    ordered = sorted(told.values())
    if len(ordered) < 2:
        return dict.fromkeys(told, 1.0)
    first: dict[float, int] = {}
    count: dict[float, int] = {}
    for place, value in enumerate(ordered):
        first.setdefault(value, place)
        count[value] = count.get(value, 0) + 1
    return {iso3: round((first[value] + (count[value] - 1) / 2) / (len(ordered) - 1), 4)
            for iso3, value in told.items()}


def usable(rows: Sequence[Scored]) -> list[str]:
    """Return the measures that any economy has: of one edition, for one, there is no revision to weigh."""
    return [name for name in MEASURES if any(row.shares[name] is not None for row in rows)]


def score(row: Scored, weights: Mapping[str, float], names: Sequence[str]) -> float | None:
    """Return 0 to 100: the weighted mean of the shares; None where one that is weighed is not known.

    names: the measures that are usable; without any weight the score is 0.
    """
    total = value = 0.0
    for name in names:
        if weight := weights.get(name, 0):
            share = row.shares[name]
            if share is None:
                return None
            total, value = total + weight, value + weight * share
    return 100 * value / total if total else 0.0


def ranked(rows: Sequence[Scored], weights: Mapping[str, float] = WEIGHTS,
           least: float = 0.0) -> list[tuple[Scored, float]]:
    """Return the economies of a size and more with their scores, the best first, then by size and code.

    least: the smallest GDP, in billion US dollars.
    """
    names = usable(rows)
    found = [(row, value) for row in rows if (row.measures["size"] or 0) >= least
             and row.measures["size"] is not None and (value := score(row, weights, names)) is not None]
    return sorted(found, key=lambda each: (-each[1], -(each[0].measures["size"] or 0), each[0].iso3))
