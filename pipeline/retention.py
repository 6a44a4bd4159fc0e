"""How much of former runs stays (`--keep`): the newest runs, and older ones that hold the only bytes of a vintage.

    results/runs/RUN_ID/        a run that stays
    results/removing/RUN_ID/    a run that goes: first its manifests move here by one rename, then go the files that
                                only it named, then this folder; a removal that was killed is finished by the next run

What always stays, however old: the current run, those that can be gone on with, and of each vintage the clean records
that load.py --rebuild and other targets need, with the archived answer that they came from. An answer that no run has
read, or that a gate refused, may be the only bytes of a vintage: it stays too.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import checkpoints
from pipeline.checkpoints import Manifest
from pipeline.errors import WorldEconomiesError
from utils import Workspace, fsync_folder

if TYPE_CHECKING:
    from pipeline.archive import Archive, Record

ALL = 0  # of --keep: every run stays
USUAL = 100  # runs: three months of a source that is new every night, and twenty years of the IMF's editions
ANSWER = "answer.record"  # the record of an archived answer, in the folder of its run while both are removed
_OF_A_TABLE = ("pieces-", "regions-")  # folders of a large table's parts, which have files of their own beside them


def runs_to_keep(text: str) -> int:
    """Read how many runs stay: a number from 1 on, or "all". Raises ArgumentTypeError."""
    if text.strip().lower() == "all":
        return ALL
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of runs from 1 on, and not all")
    return int(text)


@dataclass
class Removed:
    """What went: runs, archived answers, files of any kind, and their bytes."""

    runs: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    logs: int = 0
    files: int = 0
    bytes: int = 0

    def told(self) -> dict[str, Any]:
        """Return it for programs."""
        return {"runs": self.runs, "answers": self.answers, "logs": self.logs, "files": self.files,
                "bytes": self.bytes}

    def __bool__(self) -> bool:
        return bool(self.runs or self.answers or self.files)

    def words(self) -> str:
        """Return it as a sentence without its verb."""
        return (f"{len(self.runs)} run(s), {len(self.answers)} archived answer(s), {self.logs} old log(s); "
                f"{self.files} file(s), {self.bytes:,} bytes")

    def unlink(self, path: Path) -> None:
        """Remove a file, and count it; one that is gone already is no error."""
        with suppress(FileNotFoundError):
            size = path.stat().st_size
            path.unlink()
            self.files, self.bytes = self.files + 1, self.bytes + size

    def rmtree(self, folder: Path) -> None:
        """Remove a folder with all that is in it, and count its files."""
        for path in sorted(folder.rglob("*"), reverse=True):
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                self.unlink(path)
        with suppress(FileNotFoundError):
            folder.rmdir()


def remove(workspace: Workspace, keep: int, removed: Removed) -> None:
    """Remove what `keep` newest runs leave over; first what a killed removal has left. Call it with the lock held.

    keep: ALL removes nothing new. removed: is told of everything that went, until an error too. Raises CheckpointError
    where a manifest of a run that stays cannot be read: what it needs is not known; OSError.
    """
    _clear(workspace, removed)
    if keep == ALL:
        return
    for run_id in leaving_runs(workspace, keep):
        _set_aside(workspace, run_id)
    _clear(workspace, removed)
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
    except WorldEconomiesError as error:
        return f"keep       would remove nothing: {error.what} ({error.where})"
    left = list(_aside(workspace))
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
    """
    ids = checkpoints.run_ids(workspace)
    current = checkpoints.current_run(workspace)
    old = {run_id for run_id in ids[keep:] if run_id != current and not checkpoints.goes_on(workspace, run_id)}
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
    stays = set(ids[:keep]) | _of_runs(workspace, archive)
    asked: set[str] = set()
    for record in records.values():  # the newest of each source is what it is asked with, and what --from-archive reads
        if record["complete"] and record["source"] not in asked:
            asked.add(record["source"])
            stays |= _with_root(archive, record["id"])
    bodies = {each["sha256"] for name in stays & set(records) for each in records[name]["documents"] if each["kept"]}
    return [name for name in reversed(ids) if name in records and name not in stays
            and _repeats(records[name], bodies)]


def _repeats(record: Record, bodies: set[str]) -> bool:
    """Tell whether nothing is lost with a record: its figures are another's, or its bytes are."""
    if record.get("same_figures_as"):
        return True
    return bool(record["documents"]) and all(each["sha256"] in bodies for each in record["documents"])


def _of_runs(workspace: Workspace, archive: Archive) -> set[str]:
    """Return the entries that runs were made of, and those whose bytes stand for theirs. Raises CheckpointError."""
    found = (checkpoints.read_manifest(workspace, run_id, "extract") for run_id in checkpoints.run_ids(workspace))
    return {name for manifest in found if manifest for name in _with_root(archive, manifest.facts["archive_id"])}


def _with_root(archive: Archive, entry_id: str) -> set[str]:
    """Return an entry and the one whose bytes stand for its own."""
    with suppress(WorldEconomiesError):
        return {entry_id, str(archive.root(archive.read(entry_id))["id"])}
    return {entry_id}


def _leaving_logs(workspace: Workspace, keep: int) -> Iterator[Path]:
    """Yield old log files whose last line was written before the oldest of the newest `keep` runs began."""
    newest = checkpoints.run_ids(workspace)[:keep]
    if len(newest) < keep:
        return
    since = (workspace.runs / newest[-1] / "extract.json").stat().st_mtime
    for log in (workspace.log, workspace.log_json):
        yield from (path for path in sorted(log.parent.glob(f"{log.name}.[0-9]")) if path.stat().st_mtime < since)


# --- how they go ----------------------------------------------------------------------------------------------------


def _removing(workspace: Workspace) -> Path:
    return workspace.results / "removing"


def _aside(workspace: Workspace) -> list[Path]:
    """Return the runs whose removal has begun."""
    folder = _removing(workspace)
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _set_aside(workspace: Workspace, run_id: str) -> None:
    """Take a run from those that there are, by one rename that survives a power cut: its files come after it."""
    folder = _removing(workspace)
    if not folder.is_dir():
        folder.mkdir(parents=True)
        fsync_folder(folder.parent)
    (workspace.runs / run_id).rename(folder / run_id)
    fsync_folder(folder)
    fsync_folder(workspace.runs)


def _clear(workspace: Workspace, removed: Removed) -> None:
    """Remove the runs that were set aside, with all that no other run names. Raises CheckpointError, OSError."""
    if not (aside := _aside(workspace)):
        return
    from pipeline.archive import Archive

    named = _Named()
    for run_id in checkpoints.run_ids(workspace):
        for path in sorted((workspace.runs / run_id).glob("*.json")):
            if path.name != "refused.json":
                manifest = checkpoints.read_manifest(workspace, run_id, path.stem.replace("--", "/"))
                named.add({"parts": [vars(part) for part in manifest.parts], "facts": manifest.facts}
                          if manifest else {})
    answers = _of_runs(workspace, Archive(workspace.archive))
    for folder in aside:
        _remove_files(workspace, folder, named, removed)
        _remove_answer(workspace, folder, answers, removed)
        removed.rmtree(workspace.results / "work" / folder.name)
        removed.unlink(folder / "extract.json")  # first: without it nobody asks any more whether a gate refused the run
        removed.rmtree(folder)
        removed.runs.append(folder.name)
    with suppress(OSError):
        _removing(workspace).rmdir()


class _Named:
    """The files that manifests name, of those that are runs' alone; folders: of large tables, which go as a whole."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.folders: set[str] = set()

    def add(self, content: Mapping[str, Any]) -> None:
        """Take in what a manifest names."""
        names = [part["relative_path"] for part in content.get("parts", ())]
        for batch in content.get("facts", {}).get("batches", ()):
            names += batch.get("quarantine", ())
        for name in names:
            if not checkpoints.is_own_path(name) or ".." in name.split("/"):
                continue
            folder = name.rpartition("/")[0]
            if folder.rpartition("/")[2].startswith(_OF_A_TABLE):
                self.folders.add(folder)
            else:
                self.files.add(name)


def _remove_files(workspace: Workspace, folder: Path, named: _Named, removed: Removed) -> None:
    """Remove the parts that a run set aside names and no other does."""
    own, parents = _Named(), set[Path]()
    for path in sorted(folder.glob("*.json")):
        with suppress(ValueError, TypeError, KeyError, AttributeError):  # damaged: what it names stays
            own.add(json.loads(path.read_bytes()))
    for name in sorted(own.folders - named.folders):
        parents.add((workspace.root / name).parent)
        removed.rmtree(workspace.root / name)
    for name in sorted(own.files - named.files):
        parents.add((workspace.root / name).parent)
        removed.unlink(workspace.root / name)
    _leave_no_trace(workspace, parents)


def _leave_no_trace(workspace: Workspace, folders: Iterable[Path]) -> None:
    """Remove folders that became empty, and let the others survive a power cut without what was in them."""
    for folder in folders:
        while folder.parent != workspace.results:
            try:
                folder.rmdir()
            except FileNotFoundError:
                pass
            except OSError:  # something else is in it
                fsync_folder(folder)
                break
            folder = folder.parent


def _remove_answer(workspace: Workspace, folder: Path, answers: set[str], removed: Removed) -> None:
    """Remove the archived answer of a run set aside, unless another run was made of it or a gate refused it.

    The record goes first, into the run's folder: were the bodies gone before it, a crash in between would look like
    damage; were it gone before them, nobody would know them.
    """
    from pipeline.archive import Archive

    archive, aside = Archive(workspace.archive), folder / ANSWER
    if not aside.exists():
        entry_id = _answer_of(folder)
        if not entry_id or entry_id in answers or (folder / "refused.json").exists():
            return
        try:
            everything = [archive.read(each) for each in archive.ids()]
        except WorldEconomiesError:
            return  # one that cannot be read may be of the same bytes
        for record in everything:
            if record.get("same_figures_as") == entry_id:
                removed.unlink(archive.folder / f"{record['id']}.json")
                removed.answers.append(record["id"])
        with suppress(FileNotFoundError):
            (archive.folder / f"{entry_id}.json").rename(aside)
            fsync_folder(folder)
            fsync_folder(archive.folder)
    if aside.exists():
        record = json.loads(aside.read_bytes())
        bodies = archive.unused_bodies(record)
        for path in bodies:
            removed.unlink(path)
        removed.answers.append(record["id"])
        _leave_no_trace(workspace, {path.parent for path in bodies})


def _answer_of(folder: Path) -> str:
    """Return the entry that a run set aside was made of, "" where that cannot be read."""
    try:
        return str(json.loads((folder / "extract.json").read_bytes())["facts"]["archive_id"])
    except (OSError, ValueError, TypeError, KeyError):
        return ""
