"""How runs are removed, so that a kill or a power cut at any instant leaves whole ones and no more.

    results/runs/RUN_ID/        a run that stays
    results/removing/RUN_ID/    a run that goes: first its manifests move here by one rename, then go the files that
                                only it named, then this folder; a removal that was killed is finished by the next run

Which runs go is decided in pipeline/retention.py.
"""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import checkpoints
from pipeline.errors import WorldEconomiesError
from utils import Workspace, atomic_file, fsync_folder

if TYPE_CHECKING:
    from pipeline.archive import Archive

ANSWER = "answer.record"  # the record of an archived answer, in the folder of its run while both are removed
_OF_A_TABLE = ("pieces-", "regions-")  # folders of a large table's parts, which have files of their own beside them
_RUN_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-")  # as it begins: what somebody else put there is no run


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
        """Remove a folder with all that is in it, and count its files; of a link what is behind it stays."""
        if folder.is_symlink():
            self.unlink(folder)
            return
        for path in sorted(folder.rglob("*"), reverse=True):
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                self.unlink(path)
        with suppress(FileNotFoundError):
            folder.rmdir()


def _removing(workspace: Workspace) -> Path:
    return workspace.results / "removing"


def aside(workspace: Workspace) -> list[Path]:
    """Return the runs whose removal has begun."""
    folder = _removing(workspace)
    return sorted(path for path in folder.iterdir() if _RUN_ID.match(path.name) and path.is_dir()) \
        if folder.is_dir() else []


def set_aside(workspace: Workspace, run_id: str) -> None:
    """Take a run from those that there are, by one rename that survives a power cut: its files come after it."""
    folder = _removing(workspace)
    if not folder.is_dir():
        folder.mkdir(parents=True)
        fsync_folder(folder.parent)
    (workspace.runs / run_id).rename(folder / run_id)
    fsync_folder(folder)
    fsync_folder(workspace.runs)


def clear(workspace: Workspace, removed: Removed) -> None:
    """Remove the runs that were set aside, with all that no other run names. Raises CheckpointError, OSError."""
    if not (begun := aside(workspace)):
        return
    from pipeline.archive import Archive

    named = named_by_runs(workspace)
    answers = answers_of_runs(workspace, Archive(workspace.archive))
    for folder in begun:
        _remove_files(workspace, folder, named, removed)
        _remove_answer(workspace, folder, answers, removed)
        removed.rmtree(workspace.results / "work" / folder.name)
        removed.unlink(folder / "extract.json")  # first: without it nobody asks any more whether a gate refused the run
        removed.rmtree(folder)
        removed.runs.append(folder.name)
    with suppress(OSError):
        _removing(workspace).rmdir()


class Named:
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


def named_by_runs(workspace: Workspace, without: Sequence[str] = ()) -> Named:
    """Return what the runs that there are name, some of them left out. Raises CheckpointError."""
    named = Named()
    for run_id in checkpoints.run_ids(workspace):
        for path in sorted((workspace.runs / run_id).glob("*.json")) if run_id not in without else ():
            if path.name == "refused.json":
                continue
            if manifest := checkpoints.read_manifest(workspace, run_id, path.stem.replace("--", "/")):
                named.add({"parts": [vars(part) for part in manifest.parts], "facts": manifest.facts})
    return named


def _remove_files(workspace: Workspace, folder: Path, named: Named, removed: Removed) -> None:
    """Remove the parts that a run set aside names and no other does."""
    own, parents = Named(), set[Path]()
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
            _bring(archive.folder / f"{entry_id}.json", aside)
    if aside.exists():
        record = json.loads(aside.read_bytes())
        if record["id"] in answers:  # it was copied, and before it was gone a run was made of it
            return
        removed.unlink(archive.folder / f"{record['id']}.json")  # of one that was copied
        bodies = archive.unused_bodies(record)
        for path in bodies:
            removed.unlink(path)
        removed.answers.append(record["id"])
        _leave_no_trace(workspace, {path.parent for path in bodies})


def _bring(record: Path, aside: Path) -> None:
    """Move a record into the folder of its run; the archive may be a link to another disk, where it is copied."""
    try:
        record.rename(aside)
        fsync_folder(aside.parent)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with atomic_file(aside) as stream:
            stream.write(record.read_bytes())
        record.unlink()
    fsync_folder(record.parent)


def _answer_of(folder: Path) -> str:
    """Return the entry that a run set aside was made of, "" where that cannot be read."""
    try:
        return str(json.loads((folder / "extract.json").read_bytes())["facts"]["archive_id"])
    except (OSError, ValueError, TypeError, KeyError):
        return ""


def answers_of_runs(workspace: Workspace, archive: Archive) -> set[str]:
    """Return the entries that runs were made of, and those whose bytes stand for theirs. Raises CheckpointError."""
    found = (checkpoints.read_manifest(workspace, run_id, "extract") for run_id in checkpoints.run_ids(workspace))
    return {name for manifest in found if manifest for name in with_root(archive, manifest.facts["archive_id"])}


def with_root(archive: Archive, entry_id: str) -> set[str]:
    """Return an entry and the one whose bytes stand for its own."""
    with suppress(WorldEconomiesError):
        return {entry_id, str(archive.root(archive.read(entry_id))["id"])}
    return {entry_id}
