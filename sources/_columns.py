"""Which column of a table holds what: by common names, or as --columns says; ambiguous is refused, never guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

ALIASES = {
    "name": {"country", "economy", "name", "country_name", "countryname", "location", "country_territory",
             "country_or_territory", "country_or_area", "entity"},
    "code": {"code", "iso3", "iso", "iso3c", "country_code", "countrycode", "ref_area", "iso_code", "economy_code",
             "countryiso3code", "geo"},
    "year": {"year", "date", "time", "time_period", "period"},
    "indicator": {"indicator", "concept", "subject", "series", "indicator_code", "indicatorcode", "weo_subject_code",
                  "subject_code", "series_code"},
    "vintage": {"vintage", "edition", "release"},
    "unit": {"unit", "units"},
    "scale": {"scale", "unit_mult"},
    "last": {"lastactualdate", "last_actual", "estimates_start_after", "latest_actual_annual_data"},
}
VALUE = re.compile(r"(?:gdp|value|amount|obs_value)(?:_(?:in|current|nominal|prices|us|usd|dollars))*"
                   r"(?:_(billions?|bn|millions?|mn|mln))?(?:_(?:of|current|us|usd|dollars))*")
CODED = re.compile(r"\s*\[[A-Z0-9_.]+\]\s*")  # "GDP (current US$) [NY.GDP.MKTP.CD]", as DataBank writes it
FLOWS = {"dataflow", "structure_id"}  # columns of a CSV that an SDMX service wrote
YEAR_COLUMN = re.compile(r"(?:YR)?((?:18|19|20|21)[0-9]{2})(?: \[YR[0-9]{4}\])?")
EXPLICIT = ("country", "code", "year", "value", "indicator", "vintage", "unit", "scale")
WORDS = {"name": "country", "code": "code", "year": "year", "value": "value", "indicator": "indicator",
         "vintage": "vintage", "unit": "unit", "scale": "scale", "last": "last actual year"}


class Unclear(ValueError):
    """These cells are no header that can be used.

    The message is a sentence; `found` is how many roles were recognised, `option` the --columns to type.
    """

    def __init__(self, problem: str, found: int, option: str) -> None:
        super().__init__(problem)
        self.found = found
        self.option = option


@dataclass(frozen=True)
class Columns:
    """Column index of each role, -1 where the table has none.

    wide:   (index, year as text) of each column that is a year, where the table is wide; value and year are then -1.
    stated: "million" or "billion" where the value column's name says so.
    full:   the figures are in full units, and the scale column only says how the IMF shows them.
    """

    code: int = -1
    name: int = -1
    year: int = -1
    value: int = -1
    indicator: int = -1
    vintage: int = -1
    unit: int = -1
    scale: int = -1
    last: int = -1
    wide: tuple[tuple[int, str], ...] = ()
    stated: str = ""
    full: bool = False

    @property
    def values(self) -> tuple[int, ...]:
        """The columns that hold figures."""
        return tuple(index for index, _ in self.wide) or (self.value,)

    @property
    def used(self) -> tuple[int, ...]:
        """All columns that are read, ascending."""
        single = (self.code, self.name, self.year, self.indicator, self.vintage, self.unit, self.scale, self.last)
        return tuple(sorted({index for index in (*single, *self.values) if index >= 0}))


def slug(text: str) -> str:
    """Return a column's name as names are compared: "GDP (US$ billion)" is gdp_us_billion."""
    return re.sub(r"[^0-9a-z]+", "_", text.lower()).strip("_")


def recognise(header: Sequence[str], explicit: Mapping[str, str]) -> Columns:
    """Return the columns of this header; `explicit` is role -> column name of --columns. Raises Unclear."""
    found = _explicit(header, explicit)
    problem, unclear = "", []
    for role, candidates in _candidates(header, set(found.values())).items():
        if role in found or (role == "name" and "code" in found and "country" in explicit):
            continue
        if len(candidates) > 1:
            unclear.append(role)
            problem = problem or (f"{len(candidates)} columns could be the {WORDS[role]}: "
                                  + ", ".join(header[index].strip() for index in candidates))
        else:
            found[role] = candidates[0]
    years = _year_columns(header) if "value" not in found and "year" not in found else ()
    if not problem:
        problem = _missing(found, years)
    if problem:
        raise Unclear(problem, len(found) + bool(years), _option(header, found, unclear, bool(years)))
    stated = _stated(header[found["value"]]) if "value" in found else ""
    # In answers of the IMF's SDMX service SCALE 9 stands beside full dollars: "shown in billions". UNIT_MULT is none.
    full = ("scale" in found and "scale" not in explicit and slug(header[found["scale"]]) == "scale"
            and not FLOWS.isdisjoint(map(slug, header)))
    return Columns(**found, wide=years, stated=stated, full=full)


def _explicit(header: Sequence[str], explicit: Mapping[str, str]) -> dict[str, int]:
    names = [each.strip() for each in header]
    folded = [each.casefold() for each in names]
    found: dict[str, int] = {}
    for role, column in explicit.items():
        if role not in EXPLICIT:
            near = get_close_matches(role, EXPLICIT, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise Unclear(f"--columns knows {', '.join(EXPLICIT)}, not {role!r}{hint}", 99, "")
        wanted = column.strip()
        if wanted.casefold() not in folded:
            near = get_close_matches(wanted, names, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise Unclear(f"no column is named {wanted!r}{hint}", len(found), "")
        at = names.index(wanted) if wanted in names else folded.index(wanted.casefold())
        found["code" if role == "country" and slug(wanted) in ALIASES["code"] else
              "name" if role == "country" else role] = at
    return found


def _candidates(header: Sequence[str], taken: set[int]) -> dict[str, list[int]]:
    """Return role -> columns whose name says it.

    Of "indicator" and "indicator_code" only the code; of "TIME_PERIOD" and its label "Time period" only the first.
    """
    slugs = [slug(each) for each in header]
    found: dict[str, list[int]] = {}
    for index, text in enumerate(slugs):
        if index in taken or not text:
            continue
        for role, aliases in ALIASES.items():
            if text in aliases and not (role == "indicator" and not {f"{text}_code", f"{text}code"}.isdisjoint(slugs)):
                found.setdefault(role, []).append(index)
        if VALUE.fullmatch(slug(CODED.sub("", header[index]))):
            found.setdefault("value", []).append(index)
    return {role: _identifiers(header, candidates) for role, candidates in found.items()}


def _identifiers(header: Sequence[str], candidates: list[int]) -> list[int]:
    """Return the one candidate that SDMX writes as its identifier where the others are labels of it, else all."""
    named = {slug(header[index]) for index in candidates}
    exact = [index for index in candidates if header[index].strip() == slug(header[index]).upper()]
    return exact if len(named) == 1 and len(exact) == 1 else candidates


def _year_columns(header: Sequence[str]) -> tuple[tuple[int, str], ...]:
    found = ((index, YEAR_COLUMN.fullmatch(each.strip())) for index, each in enumerate(header))
    return tuple((index, match[1]) for index, match in found if match)


def _missing(found: Mapping[str, int], years: Sequence[tuple[int, str]]) -> str:
    if "name" not in found and "code" not in found:
        return "no column is named like a country or its code"
    if not years:
        if "year" not in found:
            return "no column is named like a year"
        if "value" not in found:
            return "no column is named like a value"
    elif len({year for _, year in years}) < len(years):
        return "a year has two columns"
    return ""


def _option(header: Sequence[str], found: Mapping[str, int], unclear: Sequence[str], wide: bool) -> str:
    place = "name" if "name" in found or "code" not in found else "code"
    roles = [("country", place)] if wide else [("country", place), ("year", "year"), ("value", "value")]
    roles += [(role, role) for role in unclear if role in EXPLICIT and role not in ("year", "value", place)]
    parts = (f"{word}={header[found[role]].strip() if role in found else 'COLUMN'}" for word, role in roles)
    return f'"{",".join(parts)}"'


def _stated(text: str) -> str:
    match = VALUE.fullmatch(slug(text))
    scale = (match[1] or "") if match else ""
    return {"b": "billion", "m": "million"}.get(scale[:1], "")
