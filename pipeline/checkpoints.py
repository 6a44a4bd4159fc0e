"""Checkpoints: parts that are complete or absent, and manifests that say what they hold, written last.

A run lives in results/runs/RUN_ID/: one manifest a finished stage, and one a finished batch inside a stage, so that a
stage that was killed goes on where it was. results/runs/current names the run that the next stage reads.
"""

from __future__ import annotations

import json
import re
import resource
import shlex
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipeline.errors import CheckpointError
from pipeline.process import peak_memory
from pipeline.storage import Place, children, place, sha256_of
from utils import Workspace, atomic_file, read_bytes, sha256_file, sha256_text, stamp_after, utc_now, write_json

SCHEMA_VERSION = 1
STAGES = ("extract", "transform", "load", "report")
_MISSING, _NO_FILE = -1, -2  # in the place of a size
_RUN_ID = re.compile(r"\w[\w.+-]*")  # the name of a folder: what a damaged file says must lead nowhere else


@dataclass(frozen=True)
class Part:
    """A finished file: its path relative to the workspace, sha256, size in bytes, rows it holds."""

    relative_path: str
    sha256: str
    bytes: int
    rows: int


@dataclass(frozen=True)
class Manifest:
    """What a step read, did and left.

    step_id:     "extract", or "transform/imf-weo/2025-10" for one batch inside a stage.
    parameters:  the options that matter to the step.
    inputs:      name -> digest of what it read: documents, or the manifest before it.
    balance:     rows in and where each of them went; checked by `balanced`.
    code:        digest of the code that did it.
    facts:       what later steps need to know beside the parts (vintages, scopes, the picture's year, warnings).
    started, ended: ISO times, UTC. peak_memory: bytes. cpu_seconds: user and system.
    """

    run_id: str
    step_id: str
    parameters: dict[str, Any]
    inputs: dict[str, str]
    parts: list[Part]
    balance: dict[str, int]
    code: str
    facts: dict[str, Any] = field(default_factory=dict)
    started: str = ""
    ended: str = ""
    peak_memory: int = 0
    cpu_seconds: float = 0.0
    seconds: float = 0.0
    schema_version: int = SCHEMA_VERSION

    @property
    def digest(self) -> str:
        """What the next stage depends on: the parts' content and the facts, not times or places of a run."""
        content = [[(p.relative_path, p.sha256) for p in self.parts], self.facts]
        return sha256_text(json.dumps(content, sort_keys=True, ensure_ascii=True))

    @property
    def is_large(self) -> bool:
        """Whether it is of a large table, whose parts are compared with their digests by the workers that read them."""
        return "table" in self.facts

    @property
    def storage(self) -> str:
        """Where its parts are: s3://BUCKET/PREFIX, "" for the workspace."""
        return str(self.facts.get("table", {}).get("storage", ""))

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Manifest:
        """Build a manifest from its JSON. Raises TypeError or KeyError for anything else."""
        return cls(**{**content, "parts": [Part(**part) for part in content["parts"]]})


class Meter:
    """Times and measures a step from its making to `manifest`."""

    def __init__(self) -> None:
        self.started = utc_now()
        self._begun = time.perf_counter()

    def seconds(self) -> float:
        """Return seconds since the beginning."""
        return time.perf_counter() - self._begun

    def manifest(self, **content: Any) -> Manifest:
        """Return a manifest with the times and the memory filled in."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return Manifest(**content, started=self.started, ended=utc_now(), peak_memory=peak_memory(),
                        cpu_seconds=round(usage.ru_utime + usage.ru_stime, 3), seconds=round(self.seconds(), 3))


def manifest_path(workspace: Workspace, run_id: str, step_id: str) -> Path:
    """Return where the manifest of a step stands."""
    return workspace.runs / run_id / (step_id.replace("/", "--").replace(":", "-") + ".json")


def write_manifest(workspace: Workspace, manifest: Manifest) -> None:
    """Write a manifest, the last act of a step."""
    content = asdict(manifest)
    write_json(manifest_path(workspace, manifest.run_id, manifest.step_id), {**content, "seal": _seal(content)})


def _seal(content: dict[str, Any]) -> str:
    """Return what tells that a manifest is as it was written: a flipped byte may leave it good JSON."""
    return sha256_text(json.dumps(content, sort_keys=True, ensure_ascii=True))


def read_manifest(workspace: Workspace, run_id: str, step_id: str) -> Manifest | None:
    """Return the manifest of a step, None where there is none. Raises CheckpointError for one that is damaged."""
    path = manifest_path(workspace, run_id, step_id)
    where = path.relative_to(workspace.root).as_posix()  # as it is named: it may be a link to anywhere
    try:
        content = json.loads(read_bytes(path))
        if content["schema_version"] != SCHEMA_VERSION:
            found = content["schema_version"]
            raise CheckpointError(f"The manifest is of schema version {found}, this is {SCHEMA_VERSION}",
                                  where=where, next_command="python etl_process.py --fresh")
        if content.pop("seal", "") != _seal(content):
            raise ValueError("it is not as it was written")
        return Manifest.from_json(content)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"The manifest is damaged ({error})", where=where,
                              safe="the database and every finished part",
                              next_command=f"python {step_id.split('/')[0]}.py") from error


def damage(workspace: Workspace, parts: Iterable[Part], *, contents: bool = True, storage: str = "") -> str:
    """Return a sentence naming the first part that is missing, cut or altered; "" when all are whole.

    contents: whether they are read through, or their sizes compared alone. storage: of Manifest.storage; raises then
    what pipeline.storage does.
    """
    for part, path, size in _far(parts, storage) if storage else _near(workspace, parts):
        if size < 0:
            return f"{part.relative_path} is {'missing' if size == _MISSING else 'no file'}"
        if size != part.bytes:
            return f"{part.relative_path} has {size:,} bytes, {part.bytes:,} were written"
        if contents and sha256_of(path) != part.sha256:
            return f"{part.relative_path} was altered: its sha256 is not the one written"
    return ""


def _near(workspace: Workspace, parts: Iterable[Part]) -> Iterator[tuple[Part, Place, int]]:
    """Yield each part with its file and the size that it has, less than 0 for none."""
    for part in parts:
        try:
            path = workspace.resolve(part.relative_path)
            found = path.stat()
            size = found.st_size if stat.S_ISREG(found.st_mode) else _NO_FILE
        except (OSError, ValueError, RuntimeError):  # the last: a link to itself
            path, size = workspace.root, _MISSING
        yield part, path, size


def _far(parts: Iterable[Part], storage: str) -> Iterator[tuple[Part, Place, int]]:
    """Yield each part with its object and the size that it has, -1 for none: one question for a thousand of them."""
    sizes: dict[str, dict[str, int]] = {}
    for part in parts:
        folder, _, name = part.relative_path.rpartition("/")
        if folder not in sizes:
            sizes[folder] = children(place(storage, folder))
        yield part, place(storage, part.relative_path), sizes[folder].get(name, -1)


def is_own(part: Part) -> bool:
    """Tell the parts that are a run's alone from the picture and the page, which every run writes anew."""
    return is_own_path(part.relative_path)


def is_own_path(relative_path: str) -> bool:
    """Tell the same of a part's path."""
    return relative_path.startswith(("results/staged/", "results/clean/", "results/quarantine/"))


def make_part(workspace: Workspace, path: Path, rows: int) -> Part:
    """Describe a finished file."""
    return Part(workspace.relative(path), sha256_file(path), path.stat().st_size, rows)


def part_name(stem: str, suffix: str, temporary: Path) -> str:
    """Return a name made from the content, so that a part of one run is never overwritten by another's."""
    return f"{stem}-{sha256_file(temporary)[:12]}{suffix}"


def balanced(balance: dict[str, int]) -> dict[str, int]:
    """Return the balance. Raises AssertionError where rows in are not rows out and everything that was left out."""
    rest = sum(count for name, count in balance.items() if name != "in")
    if balance["in"] != rest:
        raise AssertionError(f"{balance['in']:,} rows in, {rest:,} accounted for: {balance}")
    return balance


# --- runs ---------------------------------------------------------------------------------------------------------


def current_run(workspace: Workspace) -> str:
    """Return the id of the run that stages read, "" where there is none yet, or none that can be read."""
    try:
        name = read_bytes(workspace.runs / "current").decode().strip()
    except (FileNotFoundError, ValueError):
        return ""
    return name if _RUN_ID.fullmatch(name) else ""


def make_current(workspace: Workspace, run_id: str) -> None:
    """Let the stages after extract read this run."""
    with atomic_file(workspace.runs / "current", "w") as stream:
        stream.write(run_id + "\n")


def run_ids(workspace: Workspace) -> list[str]:
    """Return all runs, newest first."""
    if not workspace.runs.is_dir():
        return []
    return sorted((p.name for p in workspace.runs.iterdir() if (p / "extract.json").exists()), reverse=True)


def is_finished(workspace: Workspace, run_id: str) -> bool:
    """Tell whether a run is in the database; report only looks at it, and who runs stages by hand may leave it out."""
    return all(manifest_path(workspace, run_id, stage).exists() for stage in STAGES[:-1])


def refuse(workspace: Workspace, run_id: str, why: str) -> None:
    """Note that a gate refused the figures of a run, so that the same command asks the source again."""
    write_json(workspace.runs / run_id / "refused.json", {"why": why, "when": utc_now()})


def let_through(workspace: Workspace, run_id: str) -> None:
    """Take back what refuse() noted."""
    (workspace.runs / run_id / "refused.json").unlink(missing_ok=True)


def refused(workspace: Workspace, run_id: str) -> bool:
    """Tell whether a gate refused the figures of a run and nobody has let them through since."""
    return (workspace.runs / run_id / "refused.json").exists()


def goes_on(workspace: Workspace, run_id: str) -> bool:
    """Tell whether the same command goes on with a run without asking its source: unfinished, and by no gate's word."""
    return not is_finished(workspace, run_id) and not refused(workspace, run_id)


def new_run_id(workspace: Workspace, source: str) -> str:
    """Return an id that sorts after all runs and says its source: "20261120T210509Z-imf", "-2" appended where taken."""
    base = f"{stamp_after(next(iter(run_ids(workspace)), ''))}-{source}"
    taken, name, number = _folders(workspace), base, 1
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    return name


def _folders(workspace: Workspace) -> set[str]:
    return {p.name for p in workspace.runs.iterdir()} if workspace.runs.is_dir() else set()


def require(workspace: Workspace, stage: str, *, next_command: str = "") -> Manifest:
    """Return the verified manifest of a stage of the current run, for the stage after it.

    Raises CheckpointError naming what is missing or damaged and the command that makes it.
    """
    run_id = current_run(workspace)
    manifest = read_manifest(workspace, run_id, stage) if run_id else None
    again = command_of(manifest) if manifest and stage == STAGES[0] else f"python {stage}.py"
    command = next_command or again
    if manifest is None:
        raise CheckpointError(f"There is no checkpoint of {stage} to go on from", where=str(workspace.runs),
                              safe="nothing was changed", next_command=command)
    fault = damage(workspace, manifest.parts, contents=not manifest.is_large, storage=manifest.storage)
    if fault:
        raise CheckpointError(f"A checkpoint of {stage} is damaged: {fault}", where=str(workspace.root),
                              safe="the database is as it was", next_command=command)
    return manifest


def command_of(extract: Manifest) -> str:
    """Return the command that makes this checkpoint of extract again; without its options it would ask elsewhere."""
    asked = extract.parameters
    if archive := asked.get("from_archive"):
        return f"python extract.py --from-archive {archive}"
    if "source" not in asked:
        return "python extract.py"
    words = ["python", "extract.py", "--source", asked["source"]]
    if files := [each["url"] for each in extract.facts["documents"]] if asked["inputs"] else []:
        words += ["--input", *files]
    if extract.is_large:
        words += ["--target", "regions"]
    columns = ",".join(f"{role}={name}" for role, name in asked["columns"].items())
    dataset = asked["dataset"] if isinstance(asked["dataset"], str) else ""
    given = {"--vintage": asked["vintage"], "--unit": asked["unit"], "--columns": columns, "--dataset": dataset,
             "--key": ",".join(asked.get("key", ()))}
    words += [word for option, value in given.items() if value for word in (option, value)]
    return shlex.join(words) + ("   # files by their names: say where they lie" if files else "")


def why_run(workspace: Workspace, stage: str, run_id: str, parameters: dict[str, Any], code: str) -> str:
    """Return why a stage after extract must run, "" where its checkpoint still stands."""
    before = STAGES[STAGES.index(stage) - 1]
    try:
        manifest = read_manifest(workspace, run_id, stage)
        earlier = read_manifest(workspace, run_id, before)
    except CheckpointError as error:
        return f"{error.where}: {error.what}"
    if manifest is None:
        return "it has no checkpoint yet"
    reasons: Sequence[tuple[bool, str]] = (
        (earlier is None or manifest.inputs.get(before) != earlier.digest, f"{before} has other results"),
        (manifest.code != code, "its code changed"),
        (manifest.parameters != parameters, "its options changed"),
    )
    for holds, reason in reasons:
        if holds:
            return reason
    return damage(workspace, manifest.parts, contents=not manifest.is_large, storage=manifest.storage)
