"""What a vintage lost against its neighbour: economies and figures that were there and are not any more."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from history.merge import Series, Timeline
from history.ranges import Range, as_of


@dataclass
class Loss:
    """One indicator from one vintage to the next that speaks for it.

    years: those of the earlier between the later's first and last; spoken: those that the later speaks for, since a
    year lost in the midst is a loss too. economies, figures: what the earlier has of them. gone: economies of which
    nothing is left. lost: economy -> its lost years.
    """

    earlier: str
    later: str
    indicator: str
    years: frozenset[str]
    spoken: frozenset[str]
    economies: int = 0
    figures: int = 0
    gone: list[str] = field(default_factory=list)
    lost: dict[str, list[str]] = field(default_factory=dict)

    @property
    def figures_lost(self) -> int:
        """How many figures the later lacks."""
        return sum(map(len, self.lost.values()))

    def see(self, iso3: str, after: Mapping[str, Sequence[Range]]) -> None:
        """Count one economy: year -> its ranges."""
        had = [year for year in after if year in self.years and as_of(after[year], self.earlier)]
        if not had:
            return
        left = {year for year in after if year in self.spoken and as_of(after[year], self.later)}
        lost = [year for year in had if year not in left]
        self.economies += 1
        self.figures += len(had)
        if lost:
            self.lost[iso3] = sorted(lost)
        if not left & self.years:
            self.gone.append(iso3)


class Losses:
    """The losses between neighbours of which at least one is new.

    new: indicator -> the vintages that have not spoken for it before; only these indicators are looked at.
    """

    def __init__(self, timeline: Timeline, new: Mapping[str, Collection[str]]) -> None:
        self.of = {name: list(_pairs(timeline, vintages, name)) for name, vintages in new.items()}

    def see(self, series: Series, after: Mapping[str, Sequence[Range]]) -> None:
        """Count one series: year -> its ranges when all has arrived."""
        for loss in self.of.get(series[0], ()):
            loss.see(series[1], after)

    def all(self) -> list[Loss]:
        """Return those that lost anything."""
        return [loss for losses in self.of.values() for loss in losses if loss.lost]


def _pairs(timeline: Timeline, new: Collection[str], indicator: str) -> list[Loss]:
    spoken = {vintage: scopes[indicator] for vintage, scopes in timeline.complete.items() if scopes.get(indicator)}
    found = []
    for one, other in pairwise(sorted(spoken)):
        if one in new or other in new:
            first, last = min(spoken[other]), max(spoken[other])
            years = frozenset(year for year in spoken[one] if first <= year <= last)
            found.append(Loss(one, other, indicator, years, spoken[other]))
    return found
