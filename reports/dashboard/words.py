"""The page's table of texts, one file a language in texts/, and figures as its readers write them.

A text may hold {names}, filled when it is shown. Names of countries and regions are the data's, unless the table
translates them. page.js is given the same table and writes figures the same way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from rules.cleaning import half_up

FOLDER = Path(__file__).resolve().parent / "texts"
ENGLISH = "en"


class Words:
    """The texts of a language. table: section -> name -> text, as its file holds them."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.table = table
        self._format: Mapping[str, str] = table["format"]

    @classmethod
    def load(cls, language: str = ENGLISH) -> Words:
        """Read texts/LANGUAGE.json. Raises OSError for a language that there is not."""
        return cls(json.loads((FOLDER / f"{language}.json").read_text(encoding="utf-8")))

    @property
    def language(self) -> str:
        """The language's code, for <html lang>."""
        return str(self.table["language"])

    def __call__(self, place: str, /, **values: object) -> str:
        """Return a text: "map.title" is title of the section map. With n=1 its form NAME_one, where there is one."""
        section, _, name = place.partition(".")
        texts = self.table[section]
        one = f"{name}_one"
        text = str(texts[one if values.get("n") in (1, "1") and one in texts else name])
        return text.format_map(values) if values else text

    def name(self, section: str, key: str) -> str:
        """Return the translation of a name of the data, of a section "regions" or "countries"; without one the name."""
        return str(self.table[section].get(key, key))

    def number(self, value: float | str | None, places: int = 0, *, sign: bool = False) -> str:
        """Return a number rounded half up on its decimals, with this language's marks; "–" for none."""
        if value is None:
            return str(self._format["none"])
        exact = half_up(value if isinstance(value, str) else repr(float(value)), places)
        text = f"{exact:{'+' if sign else ''},.{places}f}"
        marks = {",": self._format["thousands"], ".": self._format["decimal"], "-": "−"}
        return "".join(marks.get(sign_, sign_) for sign_ in text)

    def money(self, billions: float) -> str:
        """Return billions of US dollars in the unit that a headline has."""
        if abs(billions) >= 1000:
            return self("format.trillion", value=self.number(billions / 1000, 1))
        return self("format.billion", value=self.number(billions, 1 if abs(billions) < 100 else 0))

    def day(self, iso: str) -> str:
        """Return an ISO day in words, the text itself where it is none."""
        try:
            at = date.fromisoformat(iso[:10])
        except ValueError:
            return iso
        months = self.table["months"]
        return self("format.day", day=at.day, month=months[at.month - 1], year=at.year)

    def edition(self, label: str) -> str:
        """Return the label of an edition in words: "2025-10" is October 2025."""
        year, _, month = label.partition("-")
        if year.isdigit() and month[:2].isdigit() and len(month.partition("+")[0]) == 2 and 1 <= int(month[:2]) <= 12:
            _, plus, printing = label.partition("+")
            words = self("format.month", month=self.table["months"][int(month[:2]) - 1], year=year)
            return words + (f" ({self.day(printing)})" if plus else "")
        return label
