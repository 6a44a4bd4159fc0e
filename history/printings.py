"""Which vintages are one: the day of fetching is no edition, and an update that changes nothing is no new printing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import pairwise

from history.model import OBSERVED, Vintage

Pair = tuple[str, str]  # keys of two vintages of a dataset: the one that would stay, the one that would turn out to be it


def candidates(vintages: Mapping[str, Vintage], arriving: Collection[str]) -> list[Pair]:
    """Return the pairs worth comparing, at least one of each arriving: the likeliest home of a vintage first.

    A later printing may be the same as an earlier one of its label. An observed day may be the same as any edition
    before it, or as the observed day just before it.
    """
    ordered = sorted(vintages)
    previous = {later: earlier for earlier, later in pairwise(ordered)}
    found = []
    for key in ordered:
        found += [(other, key) for other in reversed(ordered) if other < key and (key in arriving or other in arriving)
                  and _may_be(vintages[key], vintages[other], adjacent=previous[key] == other)]
    return found


def _may_be(later: Vintage, earlier: Vintage, *, adjacent: bool) -> bool:
    if later.dating == OBSERVED:
        return adjacent or earlier.dating != OBSERVED
    return earlier.dating != OBSERVED and earlier.label == later.label and earlier.updated < later.updated


def homes(vintages: Mapping[str, Vintage], same: Collection[Pair]) -> dict[str, str]:
    """Return vintage -> the vintage it turned out to be, for those that are not what they were stated as.

    same: the candidates whose figures are the same, in the order of candidates().
    """
    found: dict[str, str] = {}
    for other, key in same:
        found.setdefault(key, found.get(other, other))
    known: dict[Pair, str] = {}
    for key in sorted(vintages, reverse=True):  # one printing dated twice: a day is known better than a month's first
        printing = (vintages[key].label, vintages[key].updated)
        if known.setdefault(printing, key) != key:
            found[key] = known[printing]
    return {key: _root(key, found) for key in found}


def _root(key: str, found: Mapping[str, str]) -> str:
    while key in found:
        key = found[key]
    return key
