"""Which edition a file is of: by its own words and dates, by --vintage, and whether its name or figures contradict.

What the file states counts. The name of a file decides nothing, but where it clearly names another edition, somebody
is mistaken, and a person must say who.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from history.calendar import Printing, instant, last_actual_year, parse_vintage_option, weo_label, weo_vintage
from history.model import GIVEN, STATED, Vintage
from pipeline.errors import SourceNonsense, UsageError
from sources._edition import vintage_of_dates

SAFE = "nothing was changed"
HANDFUL = 5  # series; in the ten editions of 2021 to 2025 not one of 81,640 is actual beyond the edition's own year

_MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
EDITION = re.compile(rf"World Economic Outlook (?:\(WEO\) )?Database\W{{1,4}}((?:{_MONTH}) [0-9]{{4}})", re.IGNORECASE)
SOURCE = re.compile(rf"(?:Source: )?(?:(?:IMF|International Monetary Fund), )?World Economic Outlook,? "
                    rf"\(?((?:{_MONTH}) [0-9]{{4}})\)?\.?", re.IGNORECASE)  # a line of its own, nothing beside it

# "2022-10", but no part of a day (2024-11-02), of a longer number, or of a row of such.
_YEAR_MONTH = r"(?<![0-9])(?<![0-9]-)((?:19|20)[0-9]{2})-(0[1-9]|1[0-2])(?![0-9A-Za-z]|[-_][0-9])"
YEAR_MONTH = re.compile(_YEAR_MONTH)
# The IMF's own names (WEOOct2023all.xlsx), and a month that stands beside the word WEO, nothing but "data" between: a
# month elsewhere may be that of the download. Editions come in April, September or October.
_WEO = r"WEO(?:[ _.-]*(?:data(?:base)?|report))?[ _.-]*"
NAMED_MONTH = re.compile(rf"{_WEO}(apr(?:il)?|sept?(?:ember)?|oct(?:ober)?)[ _.-]*((?:19|20)[0-9]{{2}})(?![0-9])",
                         re.IGNORECASE)
NUMBERED = re.compile(rf"{_WEO}{_YEAR_MONTH}|{_YEAR_MONTH}[ _.-]*WEO", re.IGNORECASE)
MONTHS = {"apr": "04", "sep": "09", "oct": "10"}


@dataclass(frozen=True)
class Evidence:
    """What a World Economic Outlook file, its name and its user say of its edition.

    name:         the file's own, without folders.
    given:        the text of --vintage, "" for none.
    lines:        the file's last lines, single-spaced.
    dates:        pairs of PUBLICATION_DATE and UPDATE_DATE in its columns, "" for a blank one; empty without columns.
    last_actuals: text of "Estimates Start After" -> series that have it.
    """

    name: str
    given: str = ""
    lines: Sequence[str] = ()
    dates: frozenset[tuple[str, str]] = frozenset()
    last_actuals: Mapping[str, int] = field(default_factory=dict)


def decide(told: Evidence) -> tuple[Vintage, list[str]]:
    """Return the edition of a file, and warnings. Raises SourceNonsense for a file that contradicts itself, UsageError
    for one that names no edition, or that --vintage or its name contradicts.
    """
    given, dated, named = _given(told), _dated(told), _named(told)
    if dated and named not in ("", dated.label):
        raise _nonsense(told, f"states {dated.label} in PUBLICATION_DATE and names {named} elsewhere")
    stated = dated.label if dated else named
    if given and stated and given.label != stated:
        raise _contradiction(told, f"--vintage {given} contradicts the file's own "
                             f"{'dates, which are of' if dated else 'last line, which names'} {stated}", stated)
    if not stated and not given:
        raise UsageError(
            f"{told.name} does not name its edition: the line 'International Monetary Fund, World Economic "
            "Outlook Database, October 2022' is not among its last lines", where=told.name, safe=SAFE,
            next_command=_command(told, "YYYY-MM"))
    vintage = _printing(told, given, dated, stated)
    _refuse_late_actuals(told, vintage, stated)
    return vintage, _name_checked(told, vintage, given, "its own dates say" if dated else "its last line names", stated)


# --- what is said -----------------------------------------------------------------------------------------------------


def _given(told: Evidence) -> Printing | None:
    try:
        return parse_vintage_option(told.given) if told.given else None
    except ValueError as error:
        raise UsageError(str(error), where="--vintage", safe=SAFE, next_command=_command(told, "YYYY-MM")) from error


def _named(told: Evidence) -> str:
    """Return the label that the last lines name, "" where they name none."""
    labels = {weo_label(found) for line in told.lines for found in EDITION.findall(line)}
    labels |= {weo_label(found[1]) for line in told.lines if (found := SOURCE.fullmatch(line))}
    if len(labels) > 1:
        raise _nonsense(told, f"names more than one edition in its last lines: {', '.join(sorted(labels))}")
    return labels.pop() if labels else ""


def _dated(told: Evidence) -> Vintage | None:
    """Return the edition that the columns of the data portal's files state, None for files without them."""
    if len(told.dates) > 1:
        mixed = ", ".join(sorted(map(" ".join, told.dates)))
        raise _nonsense(told, f"mixes {len(told.dates)} editions: {mixed[:200]}")
    try:
        return next((vintage_of_dates(*pair) for pair in told.dates), None)
    except ValueError as error:
        raise _nonsense(told, f"does not say its edition: {error}") from error


def _printing(told: Evidence, given: Printing | None, dated: Vintage | None, stated: str) -> Vintage:
    """Return the vintage with its printing: the file's own where it states one, else the one of --vintage."""
    updated = given.updated if given else ""
    change = next((update for _, update in told.dates if update), "")
    if dated and (change or not updated):
        if updated and instant(change)[:len(updated)] != updated:
            own = Printing(dated.label, instant(change))
            what = f"--vintage {given} contradicts the file's own dates, which are of {own}"
            raise _contradiction(told, what, str(own))
        return dated
    label = stated or (given.label if given else "")
    return weo_vintage(label, updated, STATED if stated and not updated else GIVEN)


# --- what contradicts -------------------------------------------------------------------------------------------------


def _refuse_late_actuals(told: Evidence, vintage: Vintage, stated: str) -> None:
    """Refuse a label from before years that the file calls actual; the label's own year may be (fiscal years)."""
    latest = int(max(vintage.label, vintage.updated)[:4])
    years = {text: last_actual_year(text) or 0 for text in told.last_actuals}
    late = sum(count for text, count in told.last_actuals.items() if years[text] > latest)
    if late <= HANDFUL:
        return
    what = f"{late:,} series that are actual up to {max(years.values())}"
    if stated:
        raise _nonsense(told, f"says that it is of {vintage.label}, and has {what}",
                        "download the file from the IMF again, and give that to --input")
    raise UsageError(f"--vintage {told.given.strip()} contradicts the figures of {told.name}: {what}", where=told.name,
                     safe=SAFE, next_command=_command(told, "YYYY-MM"))


def _name_checked(told: Evidence, vintage: Vintage, given: Printing | None, by: str, stated: str) -> list[str]:
    """Refuse a file whose name speaks of another edition; return a warning where --vintage confirms what it states."""
    hint = edition_in_name(told.name)
    if not hint or agrees(hint, Printing(vintage.label, vintage.updated)):
        return []
    if not stated:
        raise UsageError(f"--vintage {given} contradicts the name of the file, {told.name}, which speaks of {hint}",
                         where=told.name, safe=SAFE,
                         next_command=_command(told, hint) + "   # or rename the file, where its name is wrong")
    if not given:
        raise UsageError(f"The name {told.name} speaks of {hint}, but {by} {vintage.label}", where=told.name, safe=SAFE,
                         next_command=_command(told, vintage.label)
                         + "   # confirms what the file states; or rename the file")
    return [f"The name {told.name} speaks of {hint}, but {by} {vintage.label}, which counts"]


def agrees(hint: str, printing: Printing) -> bool:
    """Tell whether a month in a file's name fits a printing: its label, or its update; labels that are no dates do."""
    if not re.match(r"[0-9]{4}(?:-|$)", printing.label):
        return True
    return any(text.startswith(hint) or hint.startswith(text) for text in printing if text)


def edition_in_name(name: str) -> str:
    """Return the one edition that the name of a WEO file clearly speaks of, "2023-10" for WEOOct2023all.xlsx, or ""."""
    hints = {f"{year}-{MONTHS[month[:3].lower()]}" for month, year in NAMED_MONTH.findall(name)}
    pairs = [(found[1] or found[3], found[2] or found[4]) for found in NUMBERED.finditer(name)]
    hints |= {f"{year}-{month}" for year, month in pairs if month in MONTHS.values()}
    return hints.pop() if len(hints) == 1 else ""


def month_in_name(name: str) -> str:
    """Return the one month "2023-04" that the name of a file holds, no part of a day; "" for none or several."""
    hints = {f"{year}-{month}" for year, month in YEAR_MONTH.findall(name)}
    return hints.pop() if len(hints) == 1 else ""


def _nonsense(told: Evidence, what: str, next_command: str = "") -> SourceNonsense:
    return SourceNonsense(f"{told.name} {what}", where=told.name, safe=SAFE, next_command=next_command)


def _contradiction(told: Evidence, what: str, right: str) -> UsageError:
    return UsageError(what, where=told.name, safe=SAFE, next_command=_command(told, right))


def _command(told: Evidence, vintage: str) -> str:
    return f"python extract.py --source weo --input {shlex.quote(told.name)} --vintage {vintage}"
