"""What the columns of a large table mean: decided once, by what all of its pieces hold.

Each piece tells which indicators, units and scales it has, which cells could tell the decimal mark, which further
columns are integers, and how economies are named (see large.seen); put together they make the plan.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from large.model import MOST_KINDS, PLACES, Further, Kind, Layout, TablePlan
from pipeline.errors import SourceNonsense, UsageError
from rules.cleaning import is_percent, places_of
from rules.indicators import MAIN
from sources._marks import Marks, Undecidable
from sources._units import Units, Unstated

SAFE = "nothing was changed"


def further_of(layout: Layout) -> list[tuple[int, str]]:
    """Return (index, name) of the columns that are none of ours, those without a name left out."""
    at = layout.columns
    ours = {at.code, at.name, at.year, at.value, at.indicator, at.unit, at.scale, *(index for index, _ in at.wide)}
    return [(index, name.strip()) for index, name in enumerate(layout.names) if index not in ours and name.strip()]


def merge(seen: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what all pieces hold, given in the order of the file."""
    kinds: dict[tuple[str, ...], None] = {}
    marks: dict[str, Any] = {"sure": {}, "weak": {}, "grouping": False}
    texts: set[int] = set()
    places: dict[str, None] = {}
    for each in seen:
        kinds.update(dict.fromkeys(map(tuple, each["kinds"][:MOST_KINDS + 1])))
        for how in ("sure", "weak"):
            for mark, cell in each["marks"][how].items():
                marks[how].setdefault(mark, cell)
        marks["grouping"] = marks["grouping"] or each["marks"]["grouping"]
        texts |= set(each["texts"])
        if len(places) < PLACES:
            places.update(dict.fromkeys(each["places"]))
    return {"kinds": [list(kind) for kind in kinds], "marks": marks, "texts": sorted(texts),
            "places": list(places)[:PLACES]}


def plan_of(layout: Layout, held: Mapping[str, Any], name: str, unit: str, key: Sequence[str]) -> TablePlan:
    """Return what the columns mean. Raises UsageError, and SourceNonsense for a decimal mark that nothing tells.

    held: of merge(); unit: of --unit; key: of --key, names of columns, empty for all but the value.
    """
    from sources.table import CODE

    at = layout.columns
    texts = set(held["texts"])
    further = tuple(Further(index, title, index not in texts) for index, title in further_of(layout))
    codes = at.code < 0 and all(CODE.fullmatch(each.strip()) for each in held["places"])
    return TablePlan(at.code, at.name, at.year, -1 if at.wide else at.value, at.indicator, at.unit, at.scale,
                     bool(at.wide), codes, further, key_of(layout, further, key, name),
                     _decimal_mark(held["marks"], name), kinds_of(layout, held["kinds"], name, unit))


def key_of(layout: Layout, further: Sequence[Further], asked: Sequence[str], name: str) -> tuple[str, ...]:
    """Return the clean columns of the key. Raises UsageError for a column that the table has not."""
    at = layout.columns
    known = {each.name.casefold(): each.field for each in further}
    repeated = Counter(each.name.casefold() for each in further)
    known |= {layout.names[index].strip().casefold(): "country" for index in (at.code, at.name) if index >= 0}
    known["country"] = "country"
    has_year = bool(at.wide) or at.year >= 0
    if has_year:
        known["year"] = "year"
        if at.year >= 0:
            known[layout.names[at.year].strip().casefold()] = "year"
    if not asked:
        return ("country", *(("year",) if has_year else ()), *(each.field for each in further))
    unknown = [each for each in asked if each.strip().casefold() not in known]
    if unknown:
        raise UsageError(f"--key names {unknown[0]!r}, which is no column of {name} that can tell records apart",
                         safe=SAFE, next_command=f"--key {shlex.quote(','.join(sorted(known)))}   # or some of them")
    folded = [each.strip().casefold() for each in asked]
    unclear = [each for each in folded if repeated[each] > 1 and known[each] not in ("country", "year")]
    if unclear:
        raise UsageError(f"--key names {unclear[0]!r}, and {name} has {repeated[unclear[0]]} columns of that name",
                         safe=SAFE, next_command="give them names of their own in the header")
    return tuple(dict.fromkeys(known[each] for each in folded))


def kinds_of(layout: Layout, texts: Iterable[Sequence[str]], name: str, option: str) -> tuple[Kind, ...]:
    """Return the kinds of rows that are asked for: those of GDP. Raises UsageError where nothing says the unit."""
    from sources._tables import indicator_of

    at = layout.columns
    units = Units(option, at.stated, unit_column=at.unit >= 0, scale_column=at.scale >= 0)
    found, others = [], set()
    for indicator, unit, scale in texts:
        if at.indicator >= 0 and indicator_of(indicator) != MAIN:
            others.add(indicator)
            continue
        if at.unit >= 0 and unit and unit == layout.names[at.unit]:  # files were joined with their headers
            found.append(Kind(indicator, unit, scale, 0, "the header stands here again", False))
            continue
        try:
            said, size = units.of(indicator.strip(), MAIN, unit, "" if at.full else scale)
        except Unstated as error:
            raise UsageError(f"{name}: {error}", where=name, safe=SAFE,
                             next_command="--unit billion   # or million, or usd") from error
        places = places_of(MAIN, said, size)
        known, fault = (places, "") if isinstance(places, int) else (0, places)
        found.append(Kind(indicator, unit, scale, known, fault, is_percent(said)))
    if not found and others:
        seen = ", ".join(sorted(text[:40] for text in others)[:12])
        raise SourceNonsense(f"{name} has no GDP ({MAIN}); its indicators are {seen}", where=name, safe=SAFE)
    if len(found) > MOST_KINDS:
        raise UsageError(f"{name} has more than {MOST_KINDS:,} different indicators, units and scales; one of the "
                         "columns taken for them is something else", where=name, safe=SAFE,
                         next_command="--columns country=COLUMN,year=COLUMN,value=COLUMN   # the columns by name")
    return tuple(found)


def _decimal_mark(told: Mapping[str, Any], name: str) -> str:
    marks = Marks()
    marks.sure, marks.weak, marks.grouping = dict(told["sure"]), dict(told["weak"]), told["grouping"]
    try:
        return marks.decide()
    except Undecidable as error:
        raise SourceNonsense(
            f"{name} does not tell which sign is its decimal mark: {error}. Guessing wrong would change figures a "
            "thousandfold", where=name, safe=SAFE,
            next_command="write the file again without thousands marks and with a decimal point") from error
