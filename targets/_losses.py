"""What a rebuild may not lose: editions that a target holds, and whose clean records this workspace does not keep.

A warehouse is loaded from more than one workspace, or from one that is gone.
"""

from __future__ import annotations

from collections.abc import Collection

from history.model import Vintage
from pipeline.errors import GateError
from pipeline.staging import described
from rules.gates import SHRINK
from targets import BaseTarget

_MOST = 10  # editions that are named


def editions(target: BaseTarget) -> list[Vintage]:
    """Return the vintages of which a target holds a batch; inside `with` those that are about to be published."""
    return [Vintage.of_row(row) for row in target.query("editions", {"dataset": None}) if row["channel"]]


def refuse_losses(target: BaseTarget, held: Collection[Vintage]) -> None:
    """Refuse a rebuild that leaves out a vintage of those that were held. Raises GateError."""
    there = {(each.dataset, each.label, each.updated) for each in editions(target)} if held else set()
    lost = [each for each in held if (each.dataset, each.label, each.updated) not in there]
    if lost:
        named = ", ".join(map(described, lost[:_MOST])) + (f" and {len(lost) - _MOST} more" if lost[_MOST:] else "")
        raise GateError(f"[{SHRINK}] The rebuild would lose {len(lost)} of {len(held)} editions, whose clean records "
                        f"are not kept in this workspace: {named}", where=target.where,
                        safe="the database is as it was",
                        next_command=f"python load.py --rebuild --accept {SHRINK}   # only if they are to go; else "
                        "fetch them again first, or rebuild from the workspace that has them")
