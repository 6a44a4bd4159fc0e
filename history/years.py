"""Years as runs: what a vintage speaks for, and what a message says of many years."""

from __future__ import annotations

from collections.abc import Iterable


def runs(years: Iterable[int]) -> list[tuple[int, int]]:
    """Return the first and the last of each run of consecutive years, ascending; each year must be there once."""
    found: list[tuple[int, int]] = []
    for year in sorted(years):
        if found and year == found[-1][1] + 1:
            found[-1] = (found[-1][0], year)
        else:
            found.append((year, year))
    return found


def as_runs(years: Iterable[int]) -> str:
    """Return years as a person reads them: "1990-1994, 1999"."""
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs(years))
