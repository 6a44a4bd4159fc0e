"""What is asked of a target after a load, before anybody sees it: sql/checks, the same in every database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pipeline.errors import GateError
from targets import _sql

SHOWN = 3  # rows of a check that are told

FewRows = Callable[[str, int], Sequence[Any]]


def check(few_rows: FewRows, *, where: str, safe: str) -> None:
    """Run every check; each asks for rows that are wrong. Raises GateError for the first that finds some.

    few_rows: runs a query and returns at most so many rows.
    """
    for name, text in _sql.checks().items():
        if found := few_rows(text, SHOWN):
            told = "; ".join(" ".join(map(str, row)) for row in found)
            raise GateError(f"The check {name} fails after the load: {told}", where=where, safe=safe,
                            next_command="python load.py --rebuild   # makes it anew from the kept records")
