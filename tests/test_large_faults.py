"""What an adversary found in the core of large tables: each case failed before it was mended."""

from __future__ import annotations

import numpy as np

from engines import _order


def test_rows_equal_in_a_thousand_columns_are_sorted() -> None:
    chance = np.random.default_rng(3)
    half = [chance.integers(-10**17, 10**17, 50) for _ in range(1_000)]
    found = _order.sort([np.concatenate([column, column]) for column in half])
    order = sorted(range(100), key=lambda at: int(half[0][at % 50]))  # the first column tells all apart but the copies
    assert found.rows.tolist() == order
    assert found.new.tolist() == [True, False] * 50


def test_the_last_of_a_thousand_columns_decides() -> None:
    columns = [np.array([0, 0, 0, 0, 0, 10**17])] * 999  # row 5 is the largest; the others tie up to the last column
    found = _order.sort([*columns, np.array([5, -10**17, 5, 4, 10**17, -9])])
    assert found.rows.tolist() == [1, 3, 0, 2, 4, 5]
    assert found.new.tolist() == [True, True, True, False, True, True]
