"""What the words of a wiki's header, caption or cell say: which year, which scale."""

from __future__ import annotations

import re

from sources._html_table import plain

A_YEAR = re.compile(r"(?<![0-9])(?:19|20)[0-9]{2}(?![0-9])")
_SPAN = re.compile(r"(?:19|20)([0-9]{2})\s*[/\u2010-\u2015-]\s*([0-9]{2})(?![0-9])")
_SCALES = {
    "Millions": re.compile(r"\bmillions?\b|\bMM\b|\bmn\b|\$ ?M\b", re.IGNORECASE),
    "Billions": re.compile(r"\bbillions?\b|\bbn\b|\$ ?B\b", re.IGNORECASE),
    "Trillions": re.compile(r"\btrillions?\b|\btn\b|\$ ?T\b", re.IGNORECASE),
}


def one_year(text: str) -> str:
    """Return the one year in the text, notes aside: "[n 2]2021" gives "2021"; "" for none and for several.

    A year in parentheses goes before others: "October 2025 edition (2024)" gives "2024".
    """
    if any(last > first for first, last in _SPAN.findall(plain(text))):
        return ""  # "2022–24" is no one year; "2025-10" is a month of one
    found = set(A_YEAR.findall(plain(text)))
    if len(found) > 1:
        found = set(re.findall(r"\(\s*((?:19|20)[0-9]{2})\s*\)", plain(text)))
    return found.pop() if len(found) == 1 else ""


def scale_of(text: str) -> str:
    """Return "Millions", "Billions" or "Trillions", "" where the text says none of them or several."""
    found = [scale for scale, pattern in _SCALES.items() if pattern.search(text)]
    return found[0] if len(found) == 1 else ""
