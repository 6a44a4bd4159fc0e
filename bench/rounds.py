"""What the measurements of this folder share: rounds one after another, and their table of medians."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from tabulate import tabulate

Case = tuple[str, Sequence[float], float | None]  # its name, the seconds of each round, its aim where there is one


def rounds(count: int) -> Iterator[int]:
    """Yield the number of each round, from 1, and say on the screen which it is."""
    for number in range(1, count + 1):
        print(f"round {number} of {count} …", file=sys.stderr)
        yield number


def headline(count: int) -> str:
    """Return what is to be known of the figures below it: the machine, and of how many rounds they are."""
    return (f"{os.cpu_count()} processors, Python {sys.version.split()[0]}, {sys.platform}; "
            f"medians of {count} rounds")


def overview(cases: Iterable[Case]) -> str:
    """Return a table in seconds: median, fastest and slowest of each case, and the aim."""
    rows = [[name, *(f"{of(seconds):.2f}" for of in (median, min, max)), "" if aim is None else f"{aim:g}"]
            for name, seconds, aim in cases]
    return right(rows, ["case", "median s", "fastest", "slowest", "aim"])


def right(rows: Sequence[Sequence[str]], headers: Sequence[str], names: int = 1) -> str:
    """Return a table whose first columns are names, and the others figures that end at the right."""
    return tabulate(rows, headers=headers, disable_numparse=True,
                    colalign=(*["left"] * names, *["right"] * (len(headers) - names)))
