"""Which edition of the World Economic Outlook figures are of, from the dates that the IMF's data portal states."""

from __future__ import annotations

from history.calendar import instant, weo_label_of_date, weo_vintage
from history.model import Vintage


def vintage_of_dates(published: str, updated: str) -> Vintage:
    """Return the edition of a PUBLICATION_DATE and an UPDATE_DATE; the latter may be "".

    A change on the day of publication, or before it, is part of the edition; a later one makes a second printing.
    Raises ValueError with a sentence for what is no date.
    """
    day = _instant(published, "PUBLICATION_DATE")[:10]
    change = _instant(updated, "UPDATE_DATE") if updated else ""
    return weo_vintage(weo_label_of_date(day), updated=change if change[:10] > day else "")


def _instant(text: str, name: str) -> str:
    try:
        return instant(text)
    except ValueError as error:
        raise ValueError(f"{name} is {text[:40]!r}, which is no date") from error
