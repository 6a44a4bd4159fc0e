"""What was known when: the vintage that a label or a date means. Pure: no clock, no file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from history.model import Vintage

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Edition:
    """A vintage as the database holds it.

    key:       the text that orders the vintages of a dataset, dim_vintage.vintage.
    own_years: True where each cell carries its own year.
    channel:   by which it came last.
    """

    vintage: Vintage
    key: str
    own_years: bool
    channel: str

    @property
    def known(self) -> str:
        """The day by which it could be known, "" where nobody says."""
        return max(self.vintage.published, self.vintage.updated)[:10]


def is_day(text: str) -> bool:
    """Tell whether a text is written as an ISO date."""
    return _DAY.fullmatch(text) is not None


def find(editions: Sequence[Edition], text: str) -> Edition | None:
    """Return the vintage that a text means, None for none.

    editions: of one dataset, in their order. text: a label, which means its last printing; LABEL+UPDATED, the day of
    the update being enough, or of publication for one without; or an ISO date, which means the newest vintage
    published or updated by then. A label wins.
    """
    named = [each for each in editions if each.vintage.label == text]
    printed = [each for each in editions if _is_printing(each.vintage, text)]
    by_then = [each for each in editions if is_day(text) and "" < each.known <= text]
    return next((found[-1] for found in (named, printed, by_then) if found), None)


def _is_printing(vintage: Vintage, text: str) -> bool:
    day = text.removeprefix(f"{vintage.label}+")
    return text == vintage.slug != vintage.label or (
        day != text and len(day) >= 10 and (vintage.updated or vintage.published).startswith(day))


def nearest(editions: Sequence[Edition], text: str) -> Edition:
    """Return the vintage closest to a text that means none: the newest by that day or month, else the closest label.

    editions: of one dataset, in their order, at least one.
    """
    if is_day(text) or _MONTH.fullmatch(text):
        return next((each for each in reversed(editions) if "" < each.known[:len(text)] <= text), editions[0])
    near = get_close_matches(text, [each.vintage.label for each in editions], 1, 0.0)
    return next((each for each in reversed(editions) if each.vintage.label in near), editions[-1])


def short_names(editions: Sequence[Edition]) -> dict[str, str]:
    """Return key -> label; LABEL+DAY where one label has several printings."""
    labels = Counter(each.vintage.label for each in editions)
    return {each.key: f"{each.vintage.label}+{each.vintage.updated[:10] or each.vintage.published}"
            if labels[each.vintage.label] > 1 else each.vintage.label for each in editions}
