"""When each World Economic Outlook was published, and which of its years are actual.

The IMF names an edition by month and year ("October 2022", here 2022-10); the day it came out is a known fact for the
editions below, and an edition that is not among them is dated by the first of its month, which orders it rightly.
Pure: no clock, no file.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import NamedTuple

from history.model import STATED, Vintage
from rules.records import ACTUAL, FORECAST, UNKNOWN

WEO = "imf-weo"

# The day of the press conference and of the database, which come out together. Only days that are certain.
WEO_PUBLISHED = {
    "2011-04": "2011-04-11",
    "2011-09": "2011-09-20",
    "2012-04": "2012-04-17",
    "2013-04": "2013-04-16",
    "2013-10": "2013-10-08",
    "2014-04": "2014-04-08",
    "2014-10": "2014-10-07",
    "2015-04": "2015-04-14",
    "2015-10": "2015-10-06",
    "2016-04": "2016-04-12",
    "2016-10": "2016-10-04",
    "2017-04": "2017-04-18",
    "2017-10": "2017-10-10",
    "2018-04": "2018-04-17",
    "2018-10": "2018-10-09",
    "2019-04": "2019-04-09",
    "2019-10": "2019-10-15",
    "2020-04": "2020-04-14",
    "2020-10": "2020-10-13",
    "2021-04": "2021-04-06",
    "2021-10": "2021-10-12",
    "2022-04": "2022-04-19",
    "2022-10": "2022-10-11",
    "2023-04": "2023-04-11",
    "2023-10": "2023-10-10",
    "2024-04": "2024-04-16",
    "2024-10": "2024-10-22",
    "2025-04": "2025-04-22",
    "2025-10": "2025-10-14",
    "2026-04": "2026-04-14",
}

# Not the standard library's month names: those follow the locale.
_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
           "november", "december")
_LABEL = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])")
_MONTH_AND_YEAR = re.compile(r"([A-Za-z]+)[\s,]+([0-9]{4})")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ].*)?")
_DATED_LABEL = re.compile(r"[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?")
_PRINTING = re.compile(r"(.+)\+([0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9][0-9A-Z:.+-]*)?)")
_SLUG_TIME = re.compile(r"(?<=T[0-9]{2})-([0-9]{2})-([0-9]{2})")  # "T21-00-00Z": a folder's name has no colon
_CALENDAR_YEAR = re.compile(r"(?:FY ?)?((?:19|20)[0-9]{2})(?:\.0*)?", re.IGNORECASE)
_FISCAL_YEAR = re.compile(r"(?:FY ?)?((?:19|20)[0-9]{2})[/-]([0-9]{2}|[0-9]{4})\.?", re.IGNORECASE)


class Printing(NamedTuple):
    """A vintage as a person names it: "2022-10", or "2022-10+2022-11-30" for a later printing of the same edition.

    updated: ISO date, or time in UTC to the second, "" for the first printing.
    """

    label: str
    updated: str = ""

    def __str__(self) -> str:
        """Return it as it is typed."""
        return f"{self.label}+{self.updated}" if self.updated else self.label


def weo_vintage(label: str, updated: str = "", dating: str = STATED) -> Vintage:
    """Return the edition of this label, "2025-10", dated by its known day, else by the first of its month.

    updated: ISO date or time of a later printing, "" for the first. Raises ValueError for a label of another form.
    """
    label = _weo_label(label, label)
    return Vintage(WEO, label, WEO_PUBLISHED.get(label, f"{label}-01"), updated, dating)


def weo_label(text: str) -> str:
    """Return the label for the IMF's own words: "October 2022" is "2022-10". Raises ValueError for anything else."""
    found = _MONTH_AND_YEAR.fullmatch(text.strip())
    if not found or found[1].lower() not in _MONTHS:
        raise ValueError(f"{text!r} is not an English month and a year, such as October 2022")
    return f"{found[2]}-{_MONTHS.index(found[1].lower()) + 1:02d}"


def weo_label_of_date(text: str) -> str:
    """Return the label of the edition published on an ISO day or time: "2025-10-14T13:00:00Z" is "2025-10".

    The month stays as it is: editions of 2007 to 2011 are the IMF's "September 2011" where others are "October".
    Raises ValueError for anything but an ISO date.
    """
    text = text.strip()
    if not _DAY.fullmatch(text):
        raise ValueError(f"{text!r} is not an ISO date, such as 2025-10-14")
    return f"{date.fromisoformat(text[:10]):%Y-%m}"


def parse_vintage_option(text: str) -> Printing:
    """Return the edition and printing in what a person typed after --vintage.

    Raises ValueError with a sentence for that person.
    """
    printing = parse_printing(text)
    _weo_label(printing.label, text)
    return printing


def parse_printing(text: str) -> Printing:
    """Split LABEL+UPDATED, for labels of any form: only at a "+" that an ISO date or time follows at the end.

    The update is written as instant() writes it; a time may also be as in the name of a vintage's folder,
    "T21-00-00Z". Raises ValueError with a sentence for one that is no real date, or before the edition's month.
    """
    text = text.strip()
    found = _PRINTING.fullmatch(text)
    if not found:
        return Printing(text)
    label = found[1].strip()
    try:
        updated = instant(_SLUG_TIME.sub(r":\1:\2", found[2].replace(" ", "T")))
    except ValueError as error:
        raise ValueError(f"{text!r} names an update that is no date: {found[2]}") from error
    if updated[:7] < first_day(label)[:7]:
        raise ValueError(f"{text!r} names an update of {updated[:10]}, before the edition's own month")
    return Printing(label, updated)


def first_day(label: str) -> str:
    """Return the first day that a label names, "2022-10-01" for "2022-10" and "2022-01-01" for "2022".

    Returns "" for a label that is no date, such as "v2", or "2024-25" for a season.
    """
    return iso_day(f"{label}-01-01"[:10]) if _DATED_LABEL.fullmatch(label) else ""


def iso_day(text: str) -> str:
    """Return a day as ISO writes it, "2025-02-28"; "" for a text that is none, or a day that the calendar has not."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return ""


def instant(text: str) -> str:
    """Return an ISO date as it is ("2025-10-14") and a time in UTC to the second ("2025-11-19T21:00:00Z").

    A time without a zone is taken as UTC. Raises ValueError for anything else.
    """
    try:
        moment = datetime.fromisoformat(text)
        if len(text) <= len("2025-10-14"):
            return moment.date().isoformat()
        moment = moment.astimezone(UTC) if moment.tzinfo else moment
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text[:40]!r} is no date") from error
    return moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _weo_label(label: str, typed: str) -> str:
    label = label.strip()
    if not _LABEL.fullmatch(label):
        raise ValueError("A vintage is a year and a month, such as 2025-10, with the day of its update for a later "
                         f"printing, such as 2022-10+2022-11-30; {typed!r} is not")
    return label


def last_actual_year(text: str | None) -> int | None:
    """Return the last year that is actual by the IMF's "latest actual annual data", None where it does not tell.

    "2024" and "2024.0" are 2024; a fiscal year is the year it ends in, "FY2023/24" is 2024, because the IMF itself
    counts so: wherever the notes of a series in the files of October 2023 and October 2024 read "Latest actual data:
    FY2022/23", the column "Estimates Start After" reads 2023, for April-to-March years (India) as for July-to-June
    ones (Egypt); and Egypt's GDP, 2024 in April 2025, reads FY2023/24 in October 2025 with the same figure.
    """
    text = (text or "").strip()
    if found := _CALENDAR_YEAR.fullmatch(text):
        return int(found[1])
    if found := _FISCAL_YEAR.fullmatch(text):
        end = int(found[1]) + 1
        return end if str(end).endswith(found[2]) else None
    return None


def status_of(year: int, last_actual: int | None) -> str:
    """Return ACTUAL up to the last actual year, FORECAST after it, UNKNOWN where that year is not told."""
    if last_actual is None:
        return UNKNOWN
    return FORECAST if year > last_actual else ACTUAL
