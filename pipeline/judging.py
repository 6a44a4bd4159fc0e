"""What a load judges against what a target holds: contradictions, losses, and lists that lost economies.

rules/gates.py says what is too much; here it is let through, told, or the load refused and the target left as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from history.merge import CHANNELS
from history.model import Vintage
from pipeline import staging
from pipeline.checkpoints import Part
from pipeline.errors import GateError
from pipeline.parts import write_parts
from rules import gates
from rules.records import Quarantined
from targets import BaseTarget, Batch, Counts
from utils import Workspace

if TYPE_CHECKING:
    from pipeline.stage import Stage

SHOWN = 10  # small losses that are told one by one


class Refused(GateError):
    """A gate of history does not let the run's figures through."""


def judge(stage: Stage, outcomes: Sequence[Counts], accept: Sequence[str], where: str) -> list[Part]:
    """Judge what arrived against what is held; returns the parts of quarantined figures.

    Raises GateError for contradictions and losses that are not accepted: the target is then left as it was.
    """
    refused: list[tuple[str, str]] = []
    small: list[str] = []
    for counts in outcomes:
        def told(key: str, known: Mapping[str, Vintage] = counts.known) -> str:
            return staging.described(known[key])

        dataset = next((vintage.dataset for vintage in counts.known.values()), "")
        for finding in gates.judge_conflicts(counts.conflicts, told) + gates.judge_losses(counts.losses, dataset, told):
            if not finding.fatal:
                small.append(finding.text)
            elif finding.gate in accept:
                stage.report.warn(f"accepted by --accept {finding.gate}: {finding.text}", gate=finding.gate,
                                  accepted=True)
            else:
                refused.append((finding.gate, finding.text))
    for text in small[:SHOWN]:
        stage.report.note(text)
    if len(small) > SHOWN:
        stage.report.note(f"{len(small) - SHOWN} more such losses; report.py --revisions --indicator NAME shows them")
    if refused:
        raise refused_by(refused, where, outcomes)
    return [part for counts in outcomes for part in quarantined(stage.workspace, counts)]


def judge_kept(stage: Stage, restored: Sequence[tuple[Sequence[Batch], Counts]], accept: Sequence[str],
               where: str) -> list[Part]:
    """Judge what former runs said against another's word that a target holds; returns the parts of quarantined figures.

    What they lost was judged as they came, and what was let through then is let through again. Raises GateError, not
    Refused: the current run is not to blame.
    """
    known, new = list[Counts](), list[Counts]()
    for batches, counts in restored:
        homes = {counts.moved.get(b.vintage.key, b.vintage.key) for b in batches if gates.CONFLICT in b.accepted}
        for into, wanted in (known, True), (new, False):
            into.append(replace(counts, losses=[], conflicts=[
                each for each in counts.conflicts if (each.vintage in homes) is wanted]))
    try:
        return judge(stage, new, accept, where) + judge(stage, known, [gates.CONFLICT], where)
    except Refused as error:
        raise GateError(f"In runs loaded elsewhere before: {error.what}", where=where, safe=error.safe,
                        next_command=error.next_command) from error


def judge_list(stage: Stage, target: BaseTarget, vintage: Vintage, shown: Sequence[Mapping[str, Any]],
               accept: Sequence[str]) -> None:
    """Compare the economies of a list with those of the picture before it. Raises Refused for too many that are gone.

    What such a list does not say stays in the history, where silence is no loss: only its picture tells.
    """
    held = [row["ISO3"] for row in target.query("published_picture", {}) if row["Dataset"] == vintage.dataset]
    for finding in gates.judge_list(vintage.dataset, held, {row["ISO3"] for row in shown}, staging.described(vintage)):
        if finding.fatal and finding.gate not in accept:
            raise refused_by([(finding.gate, finding.text)], target.where, [])
        stage.report.warn(("accepted by --accept shrink: " if finding.fatal else "") + finding.text, gate=finding.gate,
                          accepted=finding.fatal)


def refused_by(refused: Sequence[tuple[str, str]], where: str, outcomes: Sequence[Counts]) -> Refused:
    """Return the error for gates, each with its sentence, that are not accepted."""
    return Refused("; ".join(f"[{gate}] {text}" for gate, text in refused[:8]), where=where,
                   safe="the database is as it was, the clean records are kept",
                   next_command=advice(refused, outcomes))


def advice(refused: Sequence[tuple[str, str]], outcomes: Sequence[Counts]) -> str:
    """Return what to type when figures contradict what is held, or when too much is lost."""
    names = list(dict.fromkeys(gate for gate, _ in refused))
    command = "python load.py " + " ".join(f"--accept {name}" for name in names)
    labels = [counts.known[counts.conflicts[0].vintage].label for counts in outcomes if counts.conflicts]
    if gates.CONFLICT in names:
        return (f"{command}   # keeps what is held, or the word of {', '.join(CHANNELS)}, in this order; "
                f"a later printing is loaded as --vintage {labels[0]}+YYYY-MM-DD")
    return f"{command}   # only if you know better"


def quarantined(workspace: Workspace, counts: Counts) -> list[Part]:
    """Write the words that did not count, each vintage's in its own folder."""
    parts = []
    for key, group in groupby(sorted(counts.conflicts, key=lambda c: c.vintage), key=lambda c: c.vintage):
        folder = workspace.quarantine / staging.vintage_folder(counts.known[key])
        rows = [Quarantined("conflict", c.locator, c.left[0] if c.left else "",
                            f"{c.left_by} says so of {c.indicator} {c.iso3} {c.year}; "
                            f"{c.kept[0] if c.kept else 'absence'} by {c.kept_by} is kept") for c in group]
        parts += write_parts(workspace, folder, "load", Quarantined._fields, rows)
    return parts
