"""history.years: runs of years."""

from __future__ import annotations

import pytest

from history.years import as_runs, runs


def test_runs_begin_and_end() -> None:
    assert runs({2001, 1999, 2000, 2005}) == [(1999, 2001), (2005, 2005)]


@pytest.mark.parametrize(("years", "text"), [
    ([], ""), ([1990], "1990"), ([1990, 1991, 1992, 1994, 1996, 1997], "1990-1992, 1994, 1996-1997"),
])
def test_years_as_runs(years: list[int], text: str) -> None:
    assert as_runs(years) == text
