"""Make a large table of GDP by seed, and the list of names that goes with it.

    python bench/large/generate.py --rows 10000000 --output BIG.csv [--seed 7] [--skew region|country|value]

Columns country, year, record, gdp_usd_million; about 30 bytes a row. Every row is a function of its number and the seed
alone, so that a repeat of an earlier row is made without keeping that row: memory does not grow with the file.
Beside BIG.csv: BIG.csv.names.csv, every spelling that the country table knows (name, country, region, aggregate).
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

PROJECT = Path(__file__).resolve().parents[2]
COLUMNS = ("country", "year", "record", "gdp_usd_million")
CHUNK = 500_000  # rows made at once
FIRST_YEAR, YEARS = 2000, 26
SLOTS = 1 << 16  # a spelling is drawn by 16 bits
GREATEST = 10**9  # million dollars

# Shares of rows: exact repeats 2 %, conflicts 2 %, aggregates 0.5 %, no value 0.2 %, unreadable 0.1 %, unknown 0.1 %.
# A draw of 16 bits decides: what is below the first bound is a repeat, and so on.
KINDS = ("repeat", "conflict", "aggregate", "no value", "unreadable", "unknown")
SHARES = (0.02, 0.02, 0.005, 0.002, 0.001, 0.001)
AGGREGATES = ("World", "Euro area", "Advanced economies", "Sub-Saharan Africa")
STRANGERS = ("Atlantis", "Freedonia", "Ruritania", "El Dorado")  # the table knows none of them
EMPTY = ("", "n/a")
UNREADABLE = ("#REF!", "12a34", "1.2.3", "x")
SKEWS = ("none", "region", "country", "value")

Words = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]


def table() -> dict[str, Any]:
    """Return the project's country table as it is on the disk."""
    content: dict[str, Any] = json.loads((PROJECT / "data" / "country_region_table.json").read_text(encoding="utf-8"))
    return content


def write_names(path: Path) -> None:
    """Write every spelling of the table as name, country, region, aggregate (1 for groups).

    The country comes first where a group shares its name.
    """
    known = table()
    rows = {spelling: (spelling, each["name"], each["region"], 0)
            for each in known["countries"] for spelling in (each["name"], *each["aliases"])}
    groups = known["aggregates"]
    for spelling in (*groups["world_names"], *groups["names"]):
        rows.setdefault(spelling, (spelling, "", "", 1))
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("name", "country", "region", "aggregate"))
        writer.writerows(rows.values())


def mixed(numbers: Words, salt: int) -> Words:
    """Return 64 well-mixed bits for each number (the finalizer of splitmix64)."""
    bits = numbers + np.uint64((salt * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


@dataclass(frozen=True)
class Table:
    """What a file holds: rows, seed, and how uneven it is (one of SKEWS).

    region: 95 % of the rows in Asia; country: half of them China; value: half of them one figure.
    """

    rows: int
    seed: int = 7
    skew: str = "none"

    @cached_property
    def spellings(self) -> list[str]:
        """Every text of the first column; numbers stand for them until they are written."""
        known = [spelling for each in table()["countries"] for spelling in (each["name"], *each["aliases"])]
        return [*known, *AGGREGATES, *STRANGERS]

    @cached_property
    def others(self) -> Numbers:
        """For each spelling of a country the number of its country's next one: conflicts are written in another."""
        others: list[int] = []
        for each in table()["countries"]:
            first, count = len(others), 1 + len(each["aliases"])
            others += [first + (at + 1) % count for at in range(count)]
        return np.array(others, dtype=np.int64)

    @cached_property
    def slots(self) -> Numbers:
        """The spelling of each of SLOTS draws: heavy-tailed over countries, most under the short name."""
        countries = table()["countries"]
        weights = np.random.default_rng(self.seed).lognormal(0, 1.5, len(countries))
        weights /= weights.sum()
        if self.skew == "region":
            asia = np.array([each["region"] == "Asia" for each in countries])
            weights = np.where(asia, 0.95 * weights / weights[asia].sum(), 0.05 * weights / weights[~asia].sum())
        if self.skew == "country":
            weights *= 0.5
            weights[[each["iso3"] for each in countries].index("CHN")] += 0.5
        shares: list[float] = []
        for each, weight in zip(countries, weights.tolist(), strict=True):
            aliases = len(each["aliases"])
            shares += [weight * 0.6, *[weight * 0.4 / aliases] * aliases] if aliases else [weight]
        bounds = np.cumsum(shares) / np.sum(shares) * SLOTS
        return np.searchsorted(bounds, np.arange(SLOTS), side="right").clip(max=len(shares) - 1)

    def chunk(self, first: int, last: int) -> tuple[Numbers, Numbers, Numbers, Numbers, Numbers]:
        """Return rows [first, last) as numbers of spellings, years, records, millions, and kinds.

        A kind is the place in KINDS, len(KINDS) for a plain row.
        """
        at = np.arange(first, last, dtype=np.uint64)
        kinds = self._kinds(at)
        of = at.copy()
        later = np.flatnonzero(kinds <= KINDS.index("conflict"))
        of[later] = mixed(at[later], self.seed * 8 + 1) % np.maximum(at[later], np.uint64(1))
        place = mixed(of, self.seed * 8 + 2)
        spelling = self.slots[(place & np.uint64(SLOTS - 1)).astype(np.int64)]
        year = (place >> np.uint64(16) & np.uint64(0xFFFF)).astype(np.int64) % YEARS + FIRST_YEAR
        record = (place >> np.uint64(32)).astype(np.int64) % max(self.rows, 10)
        conflict = np.flatnonzero(kinds == KINDS.index("conflict"))
        spelling[conflict] = self.others[spelling[conflict]]
        of[conflict] += np.uint64(1 << 60)  # the same key, another draw of the figure
        self._misnamed(at, kinds, spelling)
        return spelling, year, record, self._millions(of), kinds

    def _kinds(self, at: Words) -> Numbers:
        bounds = np.cumsum(SHARES) * SLOTS
        draw = (mixed(at, self.seed * 8) & np.uint64(SLOTS - 1)).astype(np.int64)
        kinds = np.searchsorted(bounds, np.arange(SLOTS), side="right")[draw]
        kinds[at == 0] = len(KINDS)  # there is nothing before it to repeat
        return kinds

    def _misnamed(self, at: Words, kinds: Numbers, spelling: Numbers) -> None:
        begin = len(self.spellings) - len(STRANGERS) - len(AGGREGATES)
        for kind, start, count in (("aggregate", begin, len(AGGREGATES)),
                                   ("unknown", begin + len(AGGREGATES), len(STRANGERS))):
            rows = np.flatnonzero(kinds == KINDS.index(kind))
            spelling[rows] = start + (at[rows] % np.uint64(count)).astype(np.int64)

    def _millions(self, of: Words) -> Numbers:
        """Return a log-normal figure for each number: median 22,026 million dollars, a hundredth above 2.3 trillion."""
        bits = mixed(of, self.seed * 8 + 3)
        one = ((bits >> np.uint64(40)).astype(np.float32) + np.float32(0.5)) * np.float32(2**-24)
        two = (bits & np.uint64(0xFFFFFF)).astype(np.float32) * np.float32(2 * np.pi * 2**-24)
        normal = np.sqrt(np.float32(-2) * np.log(one)) * np.cos(two)
        millions: Numbers = np.minimum(np.exp(10 + 2 * normal.astype(np.float64)), GREATEST).astype(np.int64) + 1
        if self.skew == "value":
            millions[(bits >> np.uint64(24) & np.uint64(1)) == 0] = 25_000
        return millions


def texts(table_: Table, first: int, last: int) -> bytes:
    """Return rows [first, last) as CSV, without a header."""
    import polars as pl

    spelling, year, record, millions, kinds = table_.chunk(first, last)
    value = pl.Series("value", millions).cast(pl.String)
    for kind, words in (("no value", EMPTY), ("unreadable", UNREADABLE)):
        rows = np.flatnonzero(kinds == KINDS.index(kind))
        value = value.scatter(rows, [words[number % len(words)] for number in rows.tolist()])
    names = pl.Series(table_.spellings).gather(pl.Series(spelling))
    frame = pl.DataFrame({"country": names, "year": year, "record": record, "value": value})
    return frame.write_csv(include_header=False, quote_style="necessary").encode()


def chunks(table_: Table) -> Iterator[bytes]:
    """Yield the file, header first, in pieces of some megabytes."""
    yield (",".join(COLUMNS) + "\n").encode()
    for first, last in pairwise([*range(0, table_.rows, CHUNK), table_.rows]):
        yield texts(table_, first, last)


def write(table_: Table, path: Path) -> int:
    """Write the file and its names; return its bytes. The file appears under its name when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_names(names_of(path))
    written = path.with_name(path.name + ".part")
    with written.open("wb") as stream:
        for block in chunks(table_):
            stream.write(block)
    written.rename(path)
    return path.stat().st_size


def names_of(path: Path) -> Path:
    """Return where the names of a table are."""
    return path.with_name(path.name + ".names.csv")


def main() -> int:
    """Make one file and say how fast."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--skew", choices=SKEWS, default="none")
    options = parser.parse_args()
    begun = time.perf_counter()
    size = write(Table(options.rows, options.seed, options.skew), options.output)
    seconds = time.perf_counter() - begun
    print(f"{options.output}: {options.rows:,} rows, {size:,} bytes ({size / options.rows:.1f} a row), "
          f"{seconds:.1f} s, {options.rows / seconds / 1e6:.2f} million rows a second")
    return 0


if __name__ == "__main__":
    sys.exit(main())
