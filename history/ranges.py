"""Value ranges: how every vintage of a figure is kept in few rows, and how one more vintage is put among them.

A figure is kept as half-open ranges of vintages [start, end), end None while it holds: the maximal runs of equal
figures over the vintages that speak for it. A vintage that speaks and has no figure ends a range; one that does not
speak for it changes nothing. Vintages are the texts that history.model.Vintage.key makes: comparing them is their
order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

# value_text, decimals, forecast ("1", "0", "" where untold): texts, as clean parts write them. The decimals are part of
# what was said: else a range that is split could not tell how precisely each half was written.
Figure = tuple[str, str, str]


class Range(NamedTuple):
    """One figure and the vintages it held for: start <= v < end, end None while it holds."""

    start: str
    end: str | None
    figure: Figure


def expanded(ranges: Sequence[Range], speakers: Sequence[str]) -> list[Figure | None]:
    """Return what each of these vintages, ascending, says: its figure, None for absence."""
    found: list[Figure | None] = []
    at, count = 0, len(ranges)
    for speaker in speakers:
        while at < count and (end := ranges[at].end) is not None and end <= speaker:
            at += 1
        found.append(ranges[at].figure if at < count and ranges[at].start <= speaker else None)
    return found


def compressed(speakers: Sequence[str], figures: Sequence[Figure | None]) -> list[Range]:
    """Return the maximal runs of equal figures; the inverse of expanded over the same vintages."""
    return continued([], speakers, figures)


def continued(ranges: Sequence[Range], speakers: Sequence[str], figures: Sequence[Figure | None]) -> list[Range]:
    """Return the ranges after these vintages, which all come after every vintage the ranges were made of."""
    found, start, last = list(ranges), "", None
    if found and found[-1].end is None:
        start, _, last = found.pop()
    for speaker, figure in zip(speakers, figures, strict=True):
        if figure != last:
            if last is not None:
                found.append(Range(start, speaker, last))
            start, last = speaker, figure
    if last is not None:
        found.append(Range(start, None, last))
    return found


def put(ranges: Sequence[Range], speakers: Sequence[str], said: Mapping[str, Figure | None], *,
        moved: bool = False) -> list[Range]:
    """Return the ranges when these vintages say this: expanded, set, compressed again.

    speakers: every vintage that speaks for the figure, ascending, those that are put included. moved: some vintage that
    the ranges were made of is among them no more.
    """
    spoken = [speaker in said for speaker in speakers]
    tail = speakers[spoken.index(True):] if True in spoken else []
    if not moved and (not tail or (len(tail) == sum(spoken) and _all_before(ranges, tail[0]))):
        return continued(ranges, tail, [said[speaker] for speaker in tail])
    held = expanded(ranges, speakers)
    return compressed(speakers, [said.get(v, old) for v, old in zip(speakers, held, strict=True)])


def _all_before(ranges: Sequence[Range], vintage: str) -> bool:
    """Tell whether no range begins or ends at this vintage or later: then the ranges are only continued."""
    return not ranges or (ranges[-1].start < vintage and (ranges[-1].end or "") < vintage)


def as_of(ranges: Iterable[Range], vintage: str) -> Figure | None:
    """Return the figure that held as of a vintage, None where none did."""
    for start, end, figure in ranges:
        if start <= vintage and (end is None or vintage < end):
            return figure
    return None


# --- two writings of one figure -----------------------------------------------------------------------------------


def within(one: Figure, other: Figure) -> bool:
    """Tell whether two writings are of one value: equal within half a unit of the coarser one's last decimal."""
    if one[0] == other[0]:
        return True
    coarser = min(int(one[1]), int(other[1]))
    return 2 * abs(Decimal(one[0]) - Decimal(other[0])) <= Decimal(1).scaleb(-coarser)


def alike(one: Figure | None, other: Figure | None) -> bool:
    """Tell whether two channels say the same of one vintage: absence is a word too, an untold forecast is none."""
    if one is None or other is None:
        return one is other
    return within(one, other) and (one[2] == other[2] or not (one[2] and other[2]))


def finer(one: Figure, other: Figure) -> Figure:
    """Return one figure of two that are alike: the finer writing, and forecast or actual where either tells."""
    text, decimals, forecast = max((one, other), key=lambda each: (int(each[1]), len(each[0]), each[0]))
    return text, decimals, forecast or one[2] or other[2]
