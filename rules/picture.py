"""Which year a picture is of: the one rule of the raw picture and of a report as of an edition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

SPAN = 5  # years, the wanted one included, among which the picture's is chosen


def candidate_years(years: Sequence[int], wanted: int) -> list[int]:
    """Return up to five years that end with the wanted one, or with the latest where that is not among them.

    years: those a vintage has, ascending. [] for none.
    """
    if not years:
        return []
    last = wanted if wanted in years else years[-1]
    return [year for year in years if year <= last][-SPAN:]


def filled_years(figures: Mapping[int, int]) -> list[int]:
    """Return the years with at least half as many figures as the fullest, ascending.

    figures: year -> how many economies have a figure. Why: the World Bank lists a year before it has figures for it,
    and fills it over months.
    """
    fullest = max(figures.values(), default=0)
    return sorted(year for year, count in figures.items() if 2 * count >= fullest)


def filled_year(figures: Mapping[int, int]) -> int:
    """Return the newest year that is filled; 0 for no year."""
    return max(filled_years(figures), default=0)
