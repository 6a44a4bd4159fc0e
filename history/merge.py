"""Arrivals among what is held: one series of one dataset at a time, for every target alike.

A series is one indicator of one economy, all its years. Several arrivals, and what is held, may be of one vintage:
their words are joined, the finer writing kept, and where they contradict each other the channel that stands first in
CHANNELS counts. Pure: streams of rows in, ranges out, nothing but one series in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from history.ranges import Figure, Range, alike, as_of, finer, put

CHANNELS = ("imf", "bundled", "weo", "datamapper", "table")  # whose word counts where they contradict each other
Series = tuple[str, str]  # indicator, iso3
Years = frozenset[str]
Arrived = dict[int, list[Sequence[str]]]  # number of an arrival -> its rows of one series
Rows = Iterable[Sequence[str]]  # clean records as texts, fields as in CleanRecord, ordered by indicator, iso3, year


def rank(channel: str) -> int:
    """Return the place of a channel in CHANNELS, smaller counts more; one that is not there comes last."""
    return CHANNELS.index(channel) if channel in CHANNELS else len(CHANNELS)


class Said(NamedTuple):
    """What one arrival, or what is held, says of one series of one vintage.

    complete: the years it speaks for whether or not it has a figure; figures: year -> figure; places: year -> locator.
    """

    channel: str
    complete: Years
    figures: Mapping[str, Figure]
    places: Mapping[str, str]

    def speaks(self, year: str) -> bool:
        """Tell whether it says anything of this year, absence included."""
        return year in self.figures or year in self.complete


class Conflict(NamedTuple):
    """Two channels contradict each other about one figure of one vintage; None is absence."""

    vintage: str
    indicator: str
    iso3: str
    year: str
    kept: Figure | None
    kept_by: str
    left: Figure | None
    left_by: str
    locator: str


class HeldSeries(NamedTuple):
    """What is held of one series: year -> its ranges, year -> the vintages that speak for that year alone."""

    ranges: Mapping[str, list[Range]]
    spoken: Mapping[str, Sequence[str]]


NOTHING_HELD = HeldSeries({}, {})


@dataclass
class Arrival:
    """One batch on its way in.

    vintage: its key; complete: indicator -> years it speaks for as a whole; rows: makes its rows, as often as asked.
    """

    vintage: str
    channel: str
    complete: Mapping[str, Years]
    rows: Callable[[], Rows]


@dataclass
class Timeline:
    """The vintages of one dataset and what each speaks for as a whole: vintage key -> indicator -> years."""

    complete: Mapping[str, Mapping[str, Years]]
    _speakers: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def speakers(self, indicator: str, year: str) -> list[str]:
        """Return the vintages that speak for every economy of an indicator in a year, ascending."""
        key = indicator, year
        if key not in self._speakers:
            self._speakers[key] = sorted(vintage for vintage, scopes in self.complete.items()
                                         if year in scopes.get(indicator, ()))
        return self._speakers[key]


def in_series(rows: Rows) -> Iterator[tuple[Series, list[Sequence[str]]]]:
    """Yield the rows of each series. Raises ValueError where they are not ordered."""
    before: Series = ("", "")
    for (iso3, indicator), group in groupby(rows, key=itemgetter(0, 1)):
        series = indicator, iso3
        if series <= before:
            raise ValueError(f"clean records are not ordered: {series} after {before}")
        yield series, list(group)
        before = series


def walk(held: Iterator[tuple[Series, HeldSeries]], streams: Sequence[Iterator[tuple[Series, list[Sequence[str]]]]],
         ) -> Iterator[tuple[Series, HeldSeries, Arrived]]:
    """Yield every series that is held or arrives: what is held, and the rows of each stream that has any."""
    ends: tuple[None, None] = (None, None)
    heads = [next(stream, ends) for stream in streams]
    mine: tuple[Series, HeldSeries] | tuple[None, None] = next(held, ends)
    while True:
        waiting = [head[0] for head in (*heads, mine) if head[0] is not None]
        if not waiting:
            return
        series, found = min(waiting), NOTHING_HELD
        arrived: Arrived = {}
        if mine[0] == series and mine[1] is not None:
            found, mine = mine[1], next(held, ends)
        for at, head in enumerate(heads):
            if head[0] == series and head[1] is not None:
                arrived[at] = head[1]
                heads[at] = next(streams[at], ends)
        yield series, found, arrived


class Merge:
    """Puts arrivals among what is held of one dataset.

    held: vintage key -> indicator -> years it speaks for as a whole. channels: vintage key -> the first channel that it
    is held from. homes: vintage key -> the vintage it turned out to be, for observed days that say nothing new.
    """

    def __init__(self, held: Mapping[str, Mapping[str, Years]], channels: Mapping[str, str],
                 arrivals: Sequence[Arrival], homes: Mapping[str, str]) -> None:
        self.held, self.channels, self.arrivals, self.homes = held, channels, arrivals, homes
        self.conflicts: list[Conflict] = []
        self.members = self._members()
        self.joined = self._joined()
        self.timeline = Timeline(self.joined)
        self.moved = bool(self.moved_away)

    def home(self, vintage: str) -> str:
        """Return the vintage that one turned out to be, mostly itself."""
        return self.homes.get(vintage, vintage)

    def _members(self) -> dict[str, list[int | str]]:
        """Return vintage -> what is of it, held ones first: keys of held vintages, numbers of arrivals."""
        members: dict[str, list[int | str]] = {}
        touched = {self.home(arrival.vintage) for arrival in self.arrivals}
        for vintage in sorted(self.held):
            if self.home(vintage) in touched:
                members.setdefault(self.home(vintage), []).append(vintage)
        for number, arrival in enumerate(self.arrivals):
            members.setdefault(self.home(arrival.vintage), []).append(number)
        return members

    def _joined(self) -> dict[str, dict[str, Years]]:
        """Return vintage -> indicator -> years, when all have arrived."""
        joined: dict[str, dict[str, Years]] = {}
        for vintage, scopes in (*self.held.items(), *((each.vintage, each.complete) for each in self.arrivals)):
            into = joined.setdefault(self.home(vintage), {})
            for indicator, years in scopes.items():
                into[indicator] = into.get(indicator, frozenset()) | years
        return joined

    @property
    def indicators(self) -> set[str]:
        """The indicators of which anything may change."""
        moved = [self.held[vintage] for vintage in self.moved_away]
        return {name for scopes in (*moved, *(arrival.complete for arrival in self.arrivals)) for name in scopes}

    def changes(self, series: Series, held: HeldSeries, arrived: Arrived,
                ) -> Iterator[tuple[str, list[Range], list[Range], list[str]]]:
        """Yield (year, ranges before, ranges after, arriving vintages that speak for it alone) of a series' figures."""
        words = [(vintage, self._joined_word(vintage, series, held, arrived)) for vintage in self.members]
        said = [(vintage, word.figures, word.complete) for vintage, word in words]
        for year in sorted(set(held.ranges).union(*(figures for _, figures, _ in said))):
            before, complete = held.ranges.get(year, []), self.timeline.speakers(series[0], year)
            now = {vintage: figures.get(year) for vintage, figures, spoken in said if year in spoken or year in figures}
            alone = [vintage for vintage in now if vintage not in complete]
            others = [self.home(vintage) for vintage in held.spoken.get(year, ())]
            speakers = sorted({*complete, *alone, *others}) if alone or others else complete
            yield year, before, put(before, speakers, now, moved=self.moved), alone

    def word(self, vintage: str, series: Series, held: HeldSeries, arrived: Arrived) -> Said:
        """Return what one vintage says of a series, held, arriving or both."""
        if vintage in self.members:
            return self._joined_word(vintage, series, held, arrived)
        return held_word(vintage, self.channels.get(vintage, ""), self.held[vintage], series[0], held)

    def new_to(self, indicator: str) -> set[str]:
        """Return the arriving vintages that have not spoken for an indicator before."""
        spoke = {self.home(vintage) for vintage, scopes in self.held.items() if scopes.get(indicator)}
        return set(self.members) - spoke

    @property
    def moved_away(self) -> list[str]:
        """The held vintages that turned out to be others."""
        return [vintage for vintage in self.held if self.home(vintage) != vintage]

    def _joined_word(self, vintage: str, series: Series, held: HeldSeries,
                     arrived: Arrived) -> Said:
        """Return what a vintage says of a series when all that is of it is joined."""
        members = self.members[vintage]
        word = self._word(members[0], series, held, arrived, alone=len(members) == 1)
        for member in members[1:]:
            word = self._join(vintage, series, word, self._word(member, series, held, arrived, alone=False))
        return word

    def _word(self, member: int | str, series: Series, held: HeldSeries, arrived: Arrived, *,
              alone: bool) -> Said:
        if isinstance(member, str):
            return held_word(member, self.channels.get(member, ""), self.held[member], series[0], held)
        rows, arrival = arrived.get(member, ()), self.arrivals[member]
        places = {} if alone else {row[2]: row[6] for row in rows}
        return Said(arrival.channel, arrival.complete.get(series[0], frozenset()),
                    {row[2]: (row[3], row[4], row[5]) for row in rows}, places)

    def _join(self, vintage: str, series: Series, one: Said, other: Said) -> Said:
        """Return two words of one vintage as one; contradictions are noted, and the better channel's word is kept."""
        figures, better = dict(one.figures), rank(other.channel) < rank(one.channel)
        for year in sorted(set(other.figures) | (set(one.figures) & other.complete)):
            theirs, ours = other.figures.get(year), one.figures.get(year)
            if not one.speaks(year):
                if theirs is not None:
                    figures[year] = theirs
            elif not alike(ours, theirs):
                winner, loser = (other, one) if better else (one, other)
                self.conflicts.append(Conflict(
                    vintage, *series, year, winner.figures.get(year), winner.channel, loser.figures.get(year),
                    loser.channel, other.places.get(year, "")))
                figures.pop(year, None)
                if (kept := winner.figures.get(year)) is not None:
                    figures[year] = kept
            elif ours is not None and theirs is not None:
                figures[year] = finer(ours, theirs)
        return Said((other if better else one).channel, one.complete | other.complete, figures, one.places)


def held_word(vintage: str, channel: str, complete: Mapping[str, Years], indicator: str, held: HeldSeries) -> Said:
    """Return what a held vintage says of a series, read from its ranges."""
    years = complete.get(indicator, frozenset())
    figures = {}
    for year, ranges in held.ranges.items():
        spoke = year in years or vintage in held.spoken.get(year, ())
        if spoke and (figure := as_of(ranges, vintage)) is not None:
            figures[year] = figure
    return Said(channel, years, figures, {})


def same_as_known(pairs: Iterable[tuple[str, str]], words: Callable[[str, Series, HeldSeries, Arrived], Said],
                  series: Iterator[tuple[Series, HeldSeries, Arrived]]) -> set[tuple[str, str]]:
    """Return the pairs of vintages that say the same wherever both speak, and that both speak for something."""
    open_pairs, met = set(pairs), set[tuple[str, str]]()
    for name, held, arrived in series:
        if not open_pairs:
            break
        said = {vintage: words(vintage, name, held, arrived) for pair in open_pairs for vintage in pair}
        for pair in list(open_pairs):
            one, other = said[pair[0]], said[pair[1]]
            both = [year for year in {*one.figures, *other.figures} if one.speaks(year) and other.speaks(year)]
            if not all(alike(one.figures.get(year), other.figures.get(year)) for year in both):
                open_pairs.discard(pair)
            elif both:
                met.add(pair)
    return open_pairs & met
