"""How the work is computed: one module an engine, all applying the same rules.

An engine has one function, clean(job) -> CleanBatch: staged parts of one vintage in, clean records out. pandas is the
engine of small tables. An engine reads files and holds tables; it decides nothing about figures, rules/ does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rules.gates import Census
from rules.identity import Identity
from rules.records import CleanRecord, Quarantined


@dataclass(frozen=True)
class CleanJob:
    """One vintage to clean.

    files:        staged parts in order, CSV.
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

    rows:    clean records ordered by (indicator, iso3, year), to be consumed once.
    balance: rows in, out, and where the others went; see pipeline.checkpoints.balanced.
    digest:  sha256 of the canonical records without locators: equal figures have equal digests, whatever the channel.
    picture: the records of the main indicator in the picture's year.
    missing: economies of this vintage without a figure in that year.
    """

    rows: Iterable[CleanRecord]
    balance: dict[str, int]
    quarantined: list[Quarantined]
    digest: str
    census: Census
    picture: list[CleanRecord]
    missing: list[str]


Clean = Callable[[CleanJob], CleanBatch]
