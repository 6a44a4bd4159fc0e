"""--compare: where datasets disagree on the same figure, largest first, and who lacks whom.

Each dataset speaks by its newest figures. Two are "equal" within half a unit of the coarser writing, "agree" within
the tolerance, and "differ" beyond it; differences are from the dataset that is named first.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from history.years import as_runs
from pipeline.errors import UsageError
from questions import Asked, _held
from questions._held import MOST, SAFE, STATUS, is_rate, title_of
from reports.tables import Report, Row, Table
from rules.identity import Country
from rules.picture import filled_years

LEVEL, RATE = 2.0, 0.5  # the usual tolerance: percent of the first dataset's figure; of rates, points
EQUAL, AGREE, DIFFER = "equal", "agree", "differ"
HEADS = {"Rank": "#", "Country": "country", "ISO3": "iso3", "Year": "year"}


class Figure(NamedTuple):
    """A figure as its dataset has it now; decimals: that its publisher states."""

    value: Decimal
    decimals: int
    forecast: int | None


Key = tuple[str, int]
Figures = Mapping[Key, Figure]


def answer(asked: Asked) -> Report:
    """Return where the datasets disagree. Raises UsageError for a dataset, indicator, country or year not there."""
    names = named(asked)
    indicators = [_held.indicator(asked, name) for name in names]
    indicator = indicators[0]
    country = _held.country(asked)
    every = {name: figures(asked, name, indicator, country) for name in names}
    year = None if country and not asked.options.year else asked.options.year or common_year(every)
    shown = {name: {key: each for key, each in held.items() if year in (None, key[1])} for name, held in every.items()}
    refuse_nothing(shown, every, indicator, country, year)
    region = _held.region(asked.options.region)
    places = {row["iso3"]: row["name"] for row in asked.query("countries") if region in (None, row["region"])}
    tolerance = asked.options.tolerance
    if tolerance is None:
        tolerance = RATE if is_rate(indicator) else LEVEL
    unfilled = thin(every, year) if year and not asked.options.year else ""
    rows = disagreements(shown, places, tolerance, rate=is_rate(indicator))
    about = f"{country.name}, every year" if country and not year else f"{country.name}, {year}" if country else year
    title = f"{title_of(indicator)}, {about}"
    report = compared(asked, title, rows, lacking(shown, every, places), names, indicator, tolerance)
    return replace(report, notes=[*([unfilled] if unfilled else []), *report.notes])


def refuse_nothing(shown: Mapping[str, Figures], every: Mapping[str, Figures], indicator: str,
                   country: Country | None, year: int | None) -> None:
    """Refuse what a dataset has nothing of; of one country it is an answer, unless none has it. Raises UsageError."""
    for name, held in shown.items():
        if held or (country and any(shown.values())):
            continue
        years = sorted({year for _, year in every[name]})
        of, at = f" of {country.name}" if country else "", f" for {year}" if year else ""
        has = f"; it has {as_runs(years)}" if years else ""
        raise UsageError(f"{name} has no {indicator}{of}{at}{has}", safe=SAFE,
                         next_command=f"python report.py --year {min(years, key=lambda each: abs(each - (year or 0)))}"
                         if years else "")


def named(asked: Asked) -> list[str]:
    """Return the datasets to compare, the first the one that others are measured by. Raises UsageError."""
    held = _held.datasets(asked)
    wanted = [part for part in asked.options.compare.split(",") if part.strip()]
    names = list(dict.fromkeys(_held.known_dataset(held, part) for part in wanted))
    if len(names) < 2:
        raise UsageError(f"--compare takes two datasets or more; the database has {', '.join(held)}", safe=SAFE,
                         next_command=f"python report.py --compare {','.join(held[:2])}" if len(held) > 1 else
                         "python etl_process.py --source worldbank   # takes another publisher's figures in")
    return names


def figures(asked: Asked, dataset: str, indicator: str, country: Country | None) -> Figures:
    """Return the figures of a dataset that hold now."""
    rows = asked.query("current", {"dataset": dataset, "indicator": indicator, "year": None,
                                   "iso3": country.iso3 if country else None})
    return {(row["iso3"], row["year"]): Figure(Decimal(row["value_text"]), row["decimals"], row["forecast"])
            for row in rows}


def common_year(every: Mapping[str, Figures]) -> int:
    """Return the newest year that every dataset has filled, else the newest that each has any figure for.

    Filled as in rules.picture: half as many figures as in its fullest year. Raises UsageError where there is none.
    """
    counts = {name: Counter(year for _, year in held) for name, held in every.items()}
    common = set.intersection(*(set(of) for of in counts.values()))
    if not common:
        raise UsageError("The datasets have no year in common: " + ", ".join(
            f"{name} has {as_runs(of) or 'no figures'}" for name, of in counts.items()), safe=SAFE)
    return max(set.intersection(*(set(filled_years(of)) for of in counts.values())) or common)


def thin(every: Mapping[str, Figures], year: int) -> str:
    """Return a sentence where a year is not one that every dataset has filled, "" where it is."""
    counts = {name: Counter(at for _, at in held) for name, held in every.items()}
    few = [f"{name} has {of[year]:,} figure{'s' * (of[year] != 1)} of {year}" for name, of in counts.items()
           if year not in filled_years(of)]
    return f"No year is filled in every dataset: {', '.join(few)}. --year chooses another." if few else ""


def disagreements(shown: Mapping[str, Figures], places: Mapping[str, str], tolerance: float, *,
                  rate: bool) -> list[Row]:
    """Return a row a country and year that two of the datasets have, the largest difference first."""
    first, *others = shown
    rows = []
    for iso3, year in sorted({key for held in shown.values() for key in held}):
        found = {name: held.get((iso3, year)) for name, held in shown.items()}
        if iso3 not in places or sum(each is not None for each in found.values()) < 2:
            continue
        row: Row = {"Country": places[iso3], "ISO3": iso3, "Year": year}
        row |= {name: None if each is None else float(each.value) for name, each in found.items()}
        row |= against(found, first, others)
        row["Verdict"] = verdict(found, tolerance, rate=rate)
        row["Status"] = ", ".join(dict.fromkeys(STATUS[each.forecast] for each in found.values() if each
                                                and each.forecast is not None))
        rows.append(row)
    rows.sort(key=lambda row: -max(abs(row[f"{name}_difference"] or 0.0) for name in others))
    return [{"Rank": rank, **row} for rank, row in enumerate(rows, 1)]


def against(found: Mapping[str, Figure | None], first: str, others: Sequence[str]) -> Row:
    """Return difference and percent of each other dataset from the first, None where one of the two has no figure."""
    base, row = found[first], Row()
    for name in others:
        other = found[name]
        change = other.value - base.value if base and other else None
        row[f"{name}_difference"] = None if change is None else float(change)
        row[f"{name}_percent"] = (round(float(100 * change / abs(base.value)), 4) + 0.0  # no -0.0
                                  if change is not None and base and base.value else None)
    return row


def verdict(found: Mapping[str, Figure | None], tolerance: float, *, rate: bool) -> str:
    """Return EQUAL, AGREE or DIFFER for the two figures that are furthest apart."""
    held = sorted((each for each in found.values() if each is not None), key=lambda each: each.value)
    low, high = held[0], held[-1]
    apart = high.value - low.value
    if apart <= Decimal(5).scaleb(-1 - min(each.decimals for each in held)):
        return EQUAL
    base = next(each for each in found.values() if each is not None).value
    within = Decimal(str(tolerance)) * (1 if rate else abs(base) / 100)
    return AGREE if apart <= within else DIFFER


def lacking(shown: Mapping[str, Figures], every: Mapping[str, Figures], places: Mapping[str, str]) -> list[Row]:
    """Return the economies that one dataset has no figure for and another has, with the other years it has."""
    rows = []
    for name, held in shown.items():
        there = {key[0] for other in shown.values() for key in other} & places.keys()
        for iso3 in sorted(there, key=lambda each: places[each]):
            years = sorted({key[1] for other in shown.values() for key in other if key[0] == iso3}
                           - {key[1] for key in held if key[0] == iso3})
            if years:
                own = sorted(year for code, year in every[name] if code == iso3)
                rows.append({"Dataset": name, "Country": places[iso3], "ISO3": iso3, "Years": as_runs(years),
                             "Has": as_runs(own)})
    return rows


def compared(asked: Asked, title: str, rows: list[Row], lacks: list[Row], names: Sequence[str], indicator: str,
             tolerance: float) -> Report:
    """Return the report: the figures, who lacks whom, and how many agree."""
    most = asked.options.top or (MOST if asked.for_people and asked.options.country is None else len(rows))
    title = f"{title}: {' against '.join(names)}"
    main = Table("comparison", title + lettered(names), rows[:most], heads(names, rate=is_rate(indicator)),
                 dict.fromkeys([*names, *(f"{name}_difference" for name in names)], 3), wrap={"Country": 20},
                 gives_way=("ISO3", "Rank"))
    unit = "points" if is_rate(indicator) else f"% of {names[0]}"
    counts = {each: sum(row["Verdict"] == each for row in rows) for each in (EQUAL, AGREE, DIFFER)}
    notes = [f"Of {len(rows):,} figures {counts[EQUAL]:,} are equal (within half a unit of the coarser writing), "
             f"{counts[AGREE]:,} agree (within {tolerance:g} {unit}), {counts[DIFFER]:,} differ."]
    if len(rows) > most:
        notes.insert(0, f"{len(rows) - most:,} smaller differences are not shown; --top {len(rows)} or --format csv "
                     "shows all.")
    lists = who_lacks(lacks, each_year=asked.options.country is not None, whole=not asked.for_people)
    return Report(title, [main, lists], notes, {"datasets": list(names), "indicator": indicator,
                                                "tolerance": tolerance, "counts": counts})


def heads(names: Sequence[str], *, rate: bool) -> dict[str, str]:
    """Return the heads people are shown; three datasets and more are letters, so that they fit a screen."""
    short = names if len(names) == 2 else [chr(ord("A") + at) for at in range(len(names))]
    found = HEADS | dict(zip(names, short, strict=True)) | {"Verdict": "verdict"}
    for name, letter in list(zip(names, short, strict=True))[1:]:
        found[f"{name}_difference"] = "difference" if len(names) == 2 else f"{letter} - {short[0]}"
        found[f"{name}_percent"] = "" if rate else "%"
    return {name: head for name, head in found.items() if head}


def lettered(names: Sequence[str]) -> str:
    """Return which letter is which dataset, where there are more than two."""
    if len(names) == 2:
        return ""
    return " (" + ", ".join(f"{chr(ord('A') + at)} {name}" for at, name in enumerate(names)) + ")"


def who_lacks(lacks: list[Row], *, each_year: bool, whole: bool) -> Table:
    """Return who lacks whom: a row a dataset and economy, for people a row a dataset where it is of one year."""
    heads = {"Dataset": "dataset", "Lacks": "lacks", "Economies": "economies (and the years it has of them)",
             "Country": "country", "Years": "lacks", "Has": "has"}
    if whole or each_year:
        return Table("lacking", "Who lacks whom", lacks, heads, wrap={"Years": 40, "Has": 40})
    found: defaultdict[str, list[str]] = defaultdict(list)
    for row in lacks:
        found[row["Dataset"]].append(row["Country"] + (f" ({row['Has']})" if row["Has"] else ""))
    rows = [{"Dataset": name, "Lacks": len(of), "Economies": ", ".join(of)} for name, of in found.items()]
    return Table("lacking", "Who lacks whom", rows, heads, wrap={"Economies": 80})
