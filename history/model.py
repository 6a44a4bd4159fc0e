"""The identities of history: what a vintage, a scope and a witness are.

A vintage is an edition of the publisher's, never the moment of fetching; a dataset is whose figures they are,
a channel only how they came.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

STATED = "stated"  # the publisher names the edition or its date
GIVEN = "given"  # the user named it with --vintage
OBSERVED = "observed"  # nobody did: dated by Last-Modified or the day of fetching
DATINGS = (STATED, GIVEN, OBSERVED)  # the better word first
_DATE = re.compile(r"[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?")


@dataclass(frozen=True, slots=True)
class Vintage:
    """An edition of a dataset, ordered by (published, updated, padded label); see key.

    dataset:   "imf-weo", "worldbank-wdi", "wikipedia-nominal" or "table:NAME".
    label:     "2025-10" for a WEO, "2024-03-28" for the World Bank, a revision id for Wikipedia.
    published: ISO date of the edition, "" where unknown.
    updated:   ISO date or time of its last change, "" where the publisher states none.
    dating:    STATED, GIVEN or OBSERVED.
    """

    dataset: str
    label: str
    published: str = ""
    updated: str = ""
    dating: str = STATED

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Vintage:
        """Return the vintage of a row of the database, of which a query may leave `dating` out. Raises KeyError."""
        return cls(row["dataset"], row["label"], row["published"], row["updated"], row.get("dating", STATED))

    @property
    def key(self) -> str:
        """The text by which the vintages of one dataset are ordered, later is larger: published, updated, label.

        A blank, which is smaller than any sign in them, parts the three. A label that is a date compares as it is; any
        other is padded, and written once more behind, since "v1" and "v01" are two.
        """
        label = self.label if _DATE.fullmatch(self.label) else f"{padded(self.label)} {self.label}"
        return f"{self.published} {self.updated} {label}"

    @property
    def slug(self) -> str:
        """The folder of this vintage under DATASET/: its label, and the day of its update where there is one."""
        return safe_name(f"{self.label}+{self.updated}" if self.updated else self.label)


def safe_name(text: str) -> str:
    """Return a text as the name of a file or folder: no separator, no leading point, 100 characters at most."""
    return re.sub(r"^\.+|[^0-9A-Za-z._+-]", "-", text)[:100]


def padded(label: str) -> str:
    """Pad every run of digits to 12, so that labels compare as numbers: "rev9" before "rev10"."""
    return re.sub(r"[0-9]+", lambda found: found.group().zfill(12), label)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a batch speaks for: one indicator of one vintage in some years.

    years:    ascending, without repeats.
    complete: True when it speaks for every economy, absence included; False for a report of some economies.
    """

    vintage: Vintage
    indicator: str
    years: tuple[int, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class Witness:
    """One arrival of a vintage: by which channel, from which archived answer, when.

    sha256: of the raw bytes; digest: of the canonical clean records; fetched_at: ISO time, UTC.
    """

    channel: str
    archive_id: str
    sha256: str
    digest: str
    fetched_at: str
    url: str
