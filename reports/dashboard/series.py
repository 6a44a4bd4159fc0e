"""The figures of one indicator, economy by economy: as the edition of the picture has them, and as older ones had.

Pure: rows of sql/queries/ranges.sql go in, lists aligned with the years come out.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

Range = tuple[str, int, str, str | None, float, int | None]  # iso3, year, from, to (None: still), value, forecast
Line = list[float | None]  # a value a year, None where there is none
PLACES = 6  # decimals of a figure on the page; of GDP a thousand dollars


@dataclass(frozen=True)
class Series:
    """An economy's GDP, in billion US dollars.

    line: as the picture's edition has it, a value a year. start: the first year that is a forecast, None where none is.
    steps: of each older edition, the oldest first, what differs from the edition after it: (place of the year, value).
    """

    line: Line
    start: int | None = None
    steps: list[list[tuple[int, float | None]]] = field(default_factory=list)

    def lines(self) -> list[Line]:
        """Return the line of each edition, the oldest first, the picture's last."""
        found = [list(self.line)]
        for step in reversed(self.steps):
            older = list(found[-1])
            for place, value in step:
                older[place] = value
            found.append(older)
        return found[::-1]


def series_of(rows: Iterable[Range], vintages: Sequence[str], years: Sequence[int]) -> dict[str, Series]:
    """Return iso3 -> series. vintages: keys of the editions, the oldest first, the picture's last; years: ascending.

    An economy whose figures no edition among these has is left out.
    """
    places = {year: place for place, year in enumerate(years)}
    kept: defaultdict[str, list[Range]] = defaultdict(list)
    for row in rows:
        if row[1] in places:
            kept[row[0]].append(row)
    found = {iso3: _series(own, vintages, places) for iso3, own in kept.items()}
    return {iso3: each for iso3, each in found.items()
            if any(value is not None for value in each.line) or any(each.steps)}


def _series(rows: Sequence[Range], vintages: Sequence[str], places: dict[int, int]) -> Series:
    """Return the series of one economy's ranges, in the order of year and vintage."""
    last, own = vintages[-1], len(vintages) - 1
    line: Line = [None] * len(places)
    held: defaultdict[int, Line] = defaultdict(lambda: [None] * len(vintages))
    forecasts = []
    for _, year, begin, end, value, forecast in rows:
        if begin > last:
            continue
        value = round(value, PLACES)
        first = bisect_left(vintages, begin)
        stop = own + 1 if end is None else bisect_left(vintages, end)
        held[places[year]][first:stop] = [value] * (stop - first)
        if stop > own:
            line[places[year]] = value
            if forecast:
                forecasts.append(year)
    return Series(line, min(forecasts, default=None), _steps(held, own))


def _steps(held: dict[int, Line], own: int) -> list[list[tuple[int, float | None]]]:
    """Return what differs between each edition and the next. held: place of a year -> the value of each edition."""
    steps: list[list[tuple[int, float | None]]] = [[] for _ in range(own)]
    for place, values in sorted(held.items()):
        for number in range(own):
            if values[number] != values[number + 1]:
                steps[number].append((place, values[number]))
    return steps


def lines_of(rows: Iterable[tuple[str, int, float]], years: Sequence[int], places: int) -> dict[str, Line]:
    """Return iso3 -> a value a year, rounded, of rows of sql/queries/as_held.sql."""
    at = {year: place for place, year in enumerate(years)}
    found: dict[str, Line] = {}
    for iso3, year, value in rows:
        if year in at:
            found.setdefault(iso3, [None] * len(years))[at[year]] = round(value, places)
    return found
