"""How much of former runs stays (`--keep`): the newest runs, and older ones that hold the only bytes of a vintage.

What always stays, however old: the current run, those that can be gone on with, and of each vintage the clean records
that load.py --rebuild and other targets need, with the archived answer that they came from. An answer that no run has
read, or that a gate refused, may be the only bytes of a vintage: it stays too.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import checkpoints
from pipeline.checkpoints import Manifest
from pipeline.errors import WorldEconomiesError
from pipeline.removal import Removed, answers_of_runs, aside, clear, named_by_runs, set_aside, with_root
from utils import Workspace

if TYPE_CHECKING:
    from pipeline.archive import Record

ALL = 0  # of --keep: every run stays
USUAL = 100  # runs: of a source that is new every night a third of a year, of the IMF's editions many years


def runs_to_keep(text: str) -> int:
    """Read how many runs stay: a number from 1 on, or "all". Raises ArgumentTypeError."""
    if text.strip().lower() == "all":
        return ALL
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of runs from 1 on, and not all")
    return int(text)


def remove(workspace: Workspace, keep: int, removed: Removed) -> None:
    """Remove what `keep` newest runs leave over; first what a killed removal has left. Call it with the lock held.

    keep: ALL removes nothing new. removed: is told of everything that went, until an error too. Raises CheckpointError
    where a manifest of a run that stays cannot be read: what it needs is not known; OSError.
    """
    clear(workspace, removed)
    if keep == ALL:
        return
    leaving = leaving_runs(workspace, keep)
    if leaving:
        named_by_runs(workspace, leaving)  # for its errors: nothing goes while it is not known what others name
    for run_id in leaving:
        set_aside(workspace, run_id)
    clear(workspace, removed)
    for entry_id in leaving_answers(workspace, keep):
        removed.unlink(workspace.archive / f"{entry_id}.json")
        removed.answers.append(entry_id)
    for path in _leaving_logs(workspace, keep):
        removed.unlink(path)
        removed.logs += 1


def dry_run(workspace: Workspace, keep: int) -> str:
    """Return what remove() would remove now as a line, "" for nothing; what the command itself adds is not in it."""
    try:
        runs = leaving_runs(workspace, keep) if keep != ALL else []
        answers = leaving_answers(workspace, keep) if keep != ALL else []
        logs = list(_leaving_logs(workspace, keep)) if keep != ALL else []
        if runs:
            named_by_runs(workspace, runs)  # for its errors
    except WorldEconomiesError as error:
        return f"keep       would remove nothing: {error.what} ({error.where})"
    left = aside(workspace)
    if not (runs or answers or logs or left):
        return ""
    named = f": {', '.join([*(path.name for path in left), *runs])}" if runs or left else ""
    return (f"keep       would remove {len(runs) + len(left)} run(s), the answers of these and {len(answers)} that "
            f"repeat others, {len(logs)} old log(s){named}")


# --- which runs ---------------------------------------------------------------------------------------------------


@dataclass
class _Run:
    """A loaded run: where its answer is, and what it holds of history. held: (batch, channel) -> its clean parts."""

    run_id: str
    archive_id: str
    clean: Manifest
    held: dict[tuple[str, str], list[str]]
    vintages: dict[tuple[str, str], str]


def leaving_runs(workspace: Workspace, keep: int) -> list[str]:
    """Return the runs that go, oldest first: beyond the newest `keep`, and needed by nothing. Raises CheckpointError.

    One that was loaded and refused after that, as by newer rules, stands for no other, and a target holds it: it stays.
    """
    ids = checkpoints.run_ids(workspace)
    current = checkpoints.current_run(workspace)
    old = {run_id for run_id in ids[keep:] if run_id != current and not checkpoints.goes_on(workspace, run_id)
           and not (checkpoints.is_finished(workspace, run_id) and checkpoints.refused(workspace, run_id))}
    if not old:
        return []
    loaded = [run for run_id in reversed(ids) if (run := _loaded(workspace, run_id))]
    if not old - _needed(loaded, None):
        return []
    return sorted(old - _needed(loaded, _Verified(workspace)))


def _loaded(workspace: Workspace, run_id: str) -> _Run | None:
    """Return what a run holds of history, None where it is not loaded, refused, or a table for the regions."""
    if checkpoints.refused(workspace, run_id) or not checkpoints.is_finished(workspace, run_id):
        return None
    from pipeline.kept import batches_of

    clean = checkpoints.read_manifest(workspace, run_id, "transform")
    origin = checkpoints.read_manifest(workspace, run_id, "extract")
    assert clean and origin  # it is finished
    if clean.is_large:
        return None
    run = _Run(run_id, origin.facts["archive_id"], clean, {}, {})
    for told, batch in zip(clean.facts["batches"], batches_of(workspace, clean, origin, ()), strict=True):
        if batch.lasts:
            key = batch.batch_id, batch.witness.channel
            run.held[key] = list(told["parts"])
            run.vintages[key] = f"{batch.vintage.dataset} {batch.vintage.key}"
    return run


class _Verified:
    """Tells whether clean records and archived answers are whole, each read through once."""

    def __init__(self, workspace: Workspace) -> None:
        from pipeline.archive import Archive

        self.workspace, self.archive = workspace, Archive(workspace.archive)
        self._answers: dict[str, bool] = {}

    def clean(self, run: _Run, key: tuple[str, str]) -> bool:
        """Tell whether the clean records of a batch are as they were written."""
        parts = [part for part in run.clean.parts if part.relative_path in run.held[key]]
        return not checkpoints.damage(self.workspace, parts)

    def answer(self, run: _Run, _key: tuple[str, str]) -> bool:
        """Tell whether the archived answer of a run can be parsed again."""
        if run.archive_id not in self._answers:
            try:
                self._answers[run.archive_id] = bool(self.archive.load(run.archive_id))
            except WorldEconomiesError:
                self._answers[run.archive_id] = False
        return self._answers[run.archive_id]


def _needed(loaded: Sequence[_Run], verified: _Verified | None) -> set[str]:
    """Return the runs without which a vintage's clean records or archived bytes would be gone.

    loaded: oldest first. Of a batch that came several times the newest run is enough: its answer may hold more of them.
    Where a vintage has more than one batch the oldest is taken, since of two that contradict each other the first word
    was kept. A run whose records or answer are damaged does not stand for another; verified None: all are whole.
    """
    batches: dict[str, set[str]] = {}
    holders: dict[tuple[str, str], list[_Run]] = {}
    for run in loaded:
        for key, vintage in run.vintages.items():
            batches.setdefault(vintage, set()).add(key[0])
            holders.setdefault(key, []).append(run)
    needed = set()
    for key, runs in holders.items():
        contested = len(batches[runs[0].vintages[key]]) > 1
        preferred = runs if contested else runs[::-1]
        for is_whole in (verified.clean, verified.answer) if verified and len(runs) > 1 else ():
            needed.add(next((run for run in preferred if is_whole(run, key)), preferred[0]).run_id)
        if not verified or len(runs) == 1:
            needed.add(preferred[0].run_id)
    return needed


# --- which answers and logs -----------------------------------------------------------------------------------------


def leaving_answers(workspace: Workspace, keep: int) -> list[str]:
    """Return the entries of the archive whose records go and no bytes with them, oldest first. Raises CheckpointError.

    They are older than the newest `keep`, no run was made of them, and all they hold is held by others: of another
    fetch's figures, or of its very bytes.
    """
    from pipeline.archive import Archive

    archive = Archive(workspace.archive)
    ids = archive.ids()
    if len(ids) <= keep:
        return []
    records = {record["id"]: record for record in archive.entries()}
    stays = set(ids[:keep]) | answers_of_runs(workspace, archive)
    asked: set[str] = set()
    for record in records.values():  # the newest of each source is what it is asked with, and what --from-archive reads
        if record["complete"] and record["source"] not in asked:
            asked.add(record["source"])
            stays |= with_root(archive, record["id"])
    bodies = {each["sha256"] for name in stays & set(records) for each in records[name]["documents"] if each["kept"]}
    return [name for name in reversed(ids) if name in records and name not in stays
            and _repeats(records[name], bodies)]


def _repeats(record: Record, bodies: set[str]) -> bool:
    """Tell whether nothing is lost with a record: its figures are another's, or its bytes are."""
    if record.get("same_figures_as"):
        return True
    return bool(record["documents"]) and all(each["sha256"] in bodies for each in record["documents"])


def _leaving_logs(workspace: Workspace, keep: int) -> Iterator[Path]:
    """Yield old log files whose last line was written before the oldest of the newest `keep` runs began."""
    newest = checkpoints.run_ids(workspace)[:keep]
    if len(newest) < keep:
        return
    since = (workspace.runs / newest[-1] / "extract.json").stat().st_mtime
    for log in (workspace.log, workspace.log_json):
        yield from (path for path in sorted(log.parent.glob(f"{log.name}.[0-9]")) if path.stat().st_mtime < since)
