"""What all questions stand on: what the database holds, and what a person's words mean in it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from history import asof
from history.asof import Edition
from history.calendar import iso_day, weo_label
from history.model import OBSERVED, Vintage
from pipeline import staging
from pipeline.errors import CheckpointError, UsageError
from questions import Asked
from rules.identity import REGIONS, Country
from rules.indicators import INDICATORS, MAIN
from targets import Row

MOST = 25  # rows that people are shown of a long table
SAFE = "nothing was changed"
EMPTY = "python etl_process.py"
A_COUNTRY = "a code of three letters, or a name"
STATUS = {1: "forecast", 0: "actual", None: ""}


def dataset(asked: Asked) -> str:
    """Return the dataset asked for, else the picture's, else the only one. Raises UsageError, CheckpointError."""
    held = datasets(asked)
    if asked.options.dataset is not None:
        return known_dataset(held, asked.options.dataset)
    picture = asked.query("picture_vintage")
    if picture:
        return str(picture[0]["dataset"])
    if len(held) == 1:
        return held[0]
    raise UsageError(f"There is no picture, so --dataset must say which: {', '.join(held)}", safe=SAFE,
                     next_command=f"python report.py --dataset {held[0]}")


def datasets(asked: Asked) -> list[str]:
    """Return the datasets that the database holds. Raises CheckpointError where there is none."""
    held = list(dict.fromkeys(row["dataset"] for row in asked.query("editions", {"dataset": None})))
    if not held:
        raise CheckpointError("There is no vintage in the database yet", where=asked.target.where, safe=SAFE,
                              next_command=EMPTY)
    return held


def known_dataset(held: Sequence[str], name: str) -> str:
    """Return a dataset's name as the database writes it. Raises UsageError naming those there are."""
    for each in held:
        if each.lower() == name.strip().lower():
            return each
    near = get_close_matches(name.strip().lower(), held, 1)
    hint = f"; did you mean {near[0]}?" if near else "."
    raise UsageError(f"The database has no dataset {name!r}{hint} It has {', '.join(held)}", safe=SAFE,
                     next_command="python etl_process.py --source NAME   # takes figures of another publisher in")


def editions(asked: Asked, name: str) -> list[Edition]:
    """Return the vintages of a dataset in their order, at least one. Raises UsageError where they have no history."""
    known = [edition_of(row) for row in asked.query("editions", {"dataset": name})]
    if all(each.vintage.dating == OBSERVED for each in known) and not asked.query("indicators", {"dataset": name}):
        raise UsageError(f"{name} is a picture and no history, since nobody names its vintage", safe=SAFE,
                         next_command="python etl_process.py --source table --input FILE --vintage 2025-10   "
                                      "# keeps it as history")
    return known


def edition_of(row: Row) -> Edition:
    """Return a row of editions.sql."""
    return Edition(Vintage.of_row(row), row["vintage"], bool(row["own_years"]), row["channel"])


def edition(asked: Asked, known: Sequence[Edition], text: str, option: str) -> Edition:
    """Return the vintage that a label or a date means. Raises UsageError naming the nearest, the first, the last."""
    text = text.strip()
    if asof.is_day(text) and not iso_day(text):
        days = [f"{text[:8]}{day}" for day in (30, 29, 28) if iso_day(f"{text[:8]}{day}")]
        raise UsageError(f"{option} {text}: the calendar has no such day", safe=SAFE,
                         next_command=f"python report.py {option} {[*days, f'{text[:4]}-12-31'][0]}")
    if found := asof.find(known, text) or asof.find(known, month_in_words(text)):
        return found
    elsewhere(asked, known[0].vintage.dataset, text, option)
    begins = [each for each in known if each.vintage.label.startswith(text)]
    near = begins[-1] if begins else asof.nearest(known, month_in_words(text) or text)
    names = asof.short_names(known)
    first, last = (f"{names[each.key]} ({each.known or 'no date'})" for each in (known[0], known[-1]))
    what = f"nothing as old as {text}" if asof.is_day(text) else f"no vintage {text!r}"
    raise UsageError(f"{known[0].vintage.dataset} has {what}; the nearest is {names[near.key]}. "
                     f"It has {len(known)}: the first is {first}, the last {last}", safe=SAFE,
                     next_command=f"python report.py {option} {names[near.key]}")


def elsewhere(asked: Asked, name: str, text: str, option: str) -> None:
    """Say which other dataset has a label that this one has not: a run of another source moves the picture to its own.

    Raises UsageError where there is one.
    """
    rows = [row for row in asked.query("editions", {"dataset": None}) if row["label"] == text]
    if rows:
        other = rows[0]["dataset"]
        raise UsageError(f"{name} has no vintage {text!r}; {other} has it", safe=SAFE,
                         next_command=f"python report.py {option} {shlex.quote(text)} --dataset {shlex.quote(other)}")


def month_in_words(text: str) -> str:
    """Return the label of "April 2024", as headings name a vintage; "" for any other text."""
    try:
        return weo_label(text) if text[:1].isalpha() else ""
    except ValueError:
        return ""


def indicator(asked: Asked, name: str) -> str:
    """Return the indicator asked for, GDP without one. Raises UsageError for one that the dataset has not."""
    wanted = asked.options.indicator or MAIN
    held = [row["indicator"] for row in asked.query("indicators", {"dataset": name})]
    if wanted in held:
        return str(wanted)
    near = get_close_matches(wanted, held, 3)
    some = ", ".join(near or held[:12]) + ("" if near or len(held) <= 12 else " …")
    raise UsageError(f"{name} has no indicator {wanted!r} here; it has {some}", safe=SAFE,
                     next_command=f"python report.py --indicator {(near or held or [MAIN])[0]}")


def spoken(asked: Asked, known: Sequence[Edition], name: str) -> list[Edition]:
    """Return the vintages that speak for an indicator, in their order. known: all of the dataset, at least one."""
    keys = {row["vintage"] for row in asked.query("spoken", {"dataset": known[0].vintage.dataset, "indicator": name})}
    return [each for each in known if each.key in keys]


def is_rate(name: str) -> bool:
    """Tell whether an indicator is a percentage, whose changes are points."""
    return name in INDICATORS and INDICATORS[name].unit.startswith("percent")


def title_of(name: str) -> str:
    """Return an indicator in words: "GDP, current prices (billion US dollars)"."""
    known = INDICATORS.get(name)
    return f"{known.title} ({known.unit})" if known else name


def country(asked: Asked) -> Country | None:
    """Return the country asked for, None for all. Raises UsageError."""
    return None if asked.options.country is None else known_country(asked.options.country, "--country {}")


def known_country(text: str, option: str) -> Country:
    """Return the country of a code or a name. option: how it is asked for, {} in the place of its name.

    Raises UsageError naming the closest; a region is none.
    """
    from pipeline.countries import load_identity

    identity = load_identity()
    if iso3 := identity.find(text):
        return identity.country(iso3)
    for each in REGIONS:
        if each.lower() == text.strip().lower():
            raise UsageError(f"{each} is a region, not a country" + ": --region takes it" * ("--country" in option),
                             safe=SAFE, next_command=f"python report.py {option.format('NGA')}   # {A_COUNTRY}")
    near = identity.closest(text)
    example = shlex.quote(near[0]) if near else "NGA"
    raise UsageError(f"There is no country {text!r}" + (f"; close to it: {', '.join(near)}" if near else ""), safe=SAFE,
                     next_command=f"python report.py {option.format(example)}   # {A_COUNTRY}")


def region(text: str, regions: Iterable[str] = REGIONS) -> str | None:
    """Return a region as it is written among these, None for "", which means all.

    Raises UsageError naming those there are, and the closest to be typed.
    """
    written = {each.lower(): each for each in sorted(regions)}
    if not text or text.lower() in written:
        return written.get(text.lower())
    near = get_close_matches(text.lower(), written, 1, 0.0)
    raise UsageError(f"There is no region named {text!r}; there are {', '.join(written.values())}", safe=SAFE,
                     next_command=f"python report.py --region {shlex.quote(written[near[0]])}" if near else "")


def described(each: Edition) -> str:
    """Return a vintage as a person says it, without its dataset: "October 2025"."""
    return staging.described(each.vintage).removeprefix(f"{each.vintage.dataset} ")
