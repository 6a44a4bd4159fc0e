"""How the work is computed: one module an engine, all applying the same rules.

An engine has one function, clean(job) -> CleanBatch: staged parts of one vintage in, clean records out. pandas is the
engine of small tables. An engine reads files and holds tables; it decides nothing about figures, rules/ does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rules.gates import Census
from rules.identity import Identity
from rules.records import CleanRecord, Quarantined


@dataclass(frozen=True)
class CleanJob:
    """One vintage to clean.

    files:        staged parts in order, CSV.
    main:         the indicator of the picture.
    picture_year: the year whose GDP the gates judge; 0 where each cell carries its own.
    decimals:     indicator -> decimals stated in the unit as given; empty where every cell shows its own.
    """

    dataset: str
    vintage: str
    files: Sequence[Path]
    identity: Identity
    main: str
    picture_year: int
    decimal_mark: str = "."
    decimals: Mapping[str, int] = field(default_factory=dict)


@dataclass
class CleanBatch:
    """What came out of one vintage.

    rows:    clean records as texts, fields as in CleanRecord and "" for an untold forecast, as parts hold them;
             ordered by (indicator, iso3, year), to be consumed once.
    balance: rows in, out, and where the others went; see pipeline.checkpoints.balanced.
    digest:  sha256 of the canonical records without locators: equal figures have equal digests, whatever the channel; a
             finer writing of them, which history keeps, has another.
    picture: the records of the main indicator in the picture's year.
    missing: economies of this vintage without a figure in that year.
    """

    rows: Iterable[Sequence[str]]
    balance: dict[str, int]
    quarantined: list[Quarantined]
    digest: str
    census: Census
    picture: list[CleanRecord]
    missing: list[str]


def digest_of(figures: Iterable[Sequence[str]]) -> str:
    """Return the digest of figures: (indicator, iso3, year, value_text, decimals, forecast) as texts, ordered by the
    first three.

    An indicator that may hold a comma or a line break must have been escaped by plain_indicator.
    """
    return hashlib.sha256("\n".join(map(",".join, figures)).encode("utf-8", "backslashreplace")).hexdigest()


def plain_indicator(name: str) -> str:
    """Return an indicator's name for digest_of: one of ours as it is, a source's own without commas and line breaks."""
    return name.encode("unicode_escape").decode("ascii").replace(",", "\\x2c")
