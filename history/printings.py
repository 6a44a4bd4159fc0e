"""Which vintages are one: the day of fetching is no edition, and one printing may be dated twice.

A later printing stays a vintage of its own, though its figures be the same: were it taken for the first one, a third
that returns to the first's figures could not be told from it, and what is held would depend on the order of loading.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from history.model import DATINGS, OBSERVED, Vintage

Pair = tuple[str, str]  # keys of two vintages: the one that would stay, the one that would turn out to be it


def best_dated(vintages: Collection[Vintage]) -> dict[str, Vintage]:
    """Return key -> vintage, each printing dated by the best word that anybody has of it."""
    found = {vintage.key: vintage for vintage in vintages}
    best: dict[tuple[str, str], str] = {}
    for each in vintages:
        printing = each.label, each.updated
        best[printing] = min(best.get(printing, each.dating), each.dating, key=DATINGS.index)
    return {key: replace(each, dating=best[each.label, each.updated]) for key, each in found.items()}


def candidates(vintages: Mapping[str, Vintage], arriving: Collection[str]) -> list[Pair]:
    """Return the pairs worth comparing, at least one of each arriving: the likeliest home of a vintage first.

    An observed day may be the same as any edition before it, or as an observed day before it with no edition between.
    """
    ordered = sorted(vintages)
    found, near = [], 0  # the first of the observed days that no edition parts from this one
    for at, key in enumerate(ordered):
        if vintages[key].dating != OBSERVED:
            near = at + 1
            continue
        found += [(ordered[i], key) for i in range(at - 1, -1, -1) if (key in arriving or ordered[i] in arriving)
                  and (i >= near or vintages[ordered[i]].dating != OBSERVED)]
    return found


def homes(vintages: Mapping[str, Vintage], same: Collection[Pair]) -> dict[str, str]:
    """Return vintage -> the vintage it turned out to be, for those that are not what they were stated as.

    same: the candidates whose figures are the same, in the order of candidates().
    """
    found: dict[str, str] = {}
    ordered = sorted(vintages)
    place = {key: at for at, key in enumerate(ordered)}
    for other, key in same:
        between = ordered[place[other] + 1:place[key]] if vintages[other].dating == OBSERVED else []
        # Days that turned out to be editions part no two days: loaded one by one they would not be here any more.
        if other not in found and all(day in found for day in between):
            found.setdefault(key, other)
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
