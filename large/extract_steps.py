"""Extract of a large table: survey, cut, stage; what the stage script asks for, done by workers piece by piece."""

from __future__ import annotations

import csv
import math
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from history.calendar import first_day, parse_printing
from history.model import GIVEN, OBSERVED, Vintage
from large import meaning
from large.digests import BLOCK, digest_of_blocks
from large.extract_tasks import SAMPLE_PIECE, SEED
from large.far import bring_quarantine
from large.model import MOST_FURTHER, Layout, TablePlan
from large.pieces import identity_of
from large.pool import Pool, Task
from large.settings import Settings
from large.watch import unchanged
from pipeline.checkpoints import Part, balanced
from pipeline.errors import DiskFull, GateError, UsageError
from pipeline.stage import Stage
from pipeline.staging import vintage_folder
from pipeline.storage import Far, Place, stamp
from rules.indicators import MAIN
from sources import Request
from sources._files import file_document
from sources._unpack import is_packed
from sources.table import LABEL, PACKED, dataset_of
from utils import Workspace

MOST_RECORD = 400  # bytes of a record, more than most are: a sample of so many records is of so many at least
LEAST_RANGES = 16  # places of the file that a sample looks at
MOST_PIECES = 1_000_000  # of a file: the numbers of the next begin there
WIDE_YEARS, MOST_TIMES = 8, 16  # a piece of 50 years took 26 times its bytes, 46 with long notes; 16 are allowed
NEEDED = 6.0  # bytes on the disk for each byte of a plain table: staged, parted, sorted, in the databases
PACKED_NEEDED = 16.0
IN_DATABASES = 2.0  # of NEEDED, the only ones on this disk where pieces have a storage
SAFE = "nothing was changed"


@dataclass
class Table:
    """A large table being staged: its files as they were at first, how they are cut, and what their pieces told.

    storage: where its pieces are put, "" for the workspace.
    """

    stamps: dict[Place, tuple[int, ...]]
    files: Sequence[Place]
    layouts: list[Layout]
    vintage: Vintage
    storage: str = ""
    blocks: list[list[tuple[int, int, list[Any]]]] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)  # of each told piece, the place of its file
    notes: list[str] = field(default_factory=list)

    @property
    def layout(self) -> Layout:
        """How its columns lie: in every file the same."""
        return self.layouts[0]

    @property
    def is_far(self) -> bool:
        """Whether workers ask an object store for it, or for its pieces."""
        return bool(self.storage) or any(isinstance(path, Far) for path in self.files)

    @property
    def bytes(self) -> int:
        """Of all files, as they lay there at first."""
        return sum(self.stamps[path][0] for path in self.files)


def opened(request: Request, storage: str) -> Table:
    """Return the table of --input, its header read. Raises UsageError and SourceNonsense for what is none."""
    from large.cut import layout_of

    stamps = {path: stamp(path) for path in request.inputs}
    with unchanged(stamps):
        layouts = [layout_of(file_document(path, {}), path.name, request.columns) for path in request.inputs]
    for path, layout in zip(request.inputs, layouts, strict=True):
        if layout.names != layouts[0].names:
            raise UsageError(f"{path.name} has other columns than {request.inputs[0].name}", where=str(path), safe=SAFE,
                             next_command="give files of the same columns to one run")
        if layout.columns.vintage >= 0:
            raise UsageError(f"{path.name} has a column of vintages, and --target regions holds one picture",
                             where=str(path), safe=SAFE, next_command="--target sqlite   # keeps every vintage of it")
    if (count := len(meaning.further_of(layouts[0]))) > MOST_FURTHER:
        raise UsageError(f"{request.inputs[0].name} has {count:,} columns beside economy, year and GDP, and a database "
                         f"takes {MOST_FURTHER:,}", where=str(request.inputs[0]), safe=SAFE,
                         next_command="the same command, with fewer columns in the table")
    newest = max(changed for _, changed, *_ in stamps.values())
    return Table(stamps, request.inputs, layouts, vintage_of(request, newest), storage)


def vintage_of(request: Request, newest: int) -> Vintage:
    """Return the vintage of the picture: as --vintage says, else the day of the newest file. Raises UsageError.

    newest: when that was changed, in nanoseconds.
    """
    given = request.vintage.strip()
    if given and not LABEL.fullmatch(given):
        raise UsageError(f"--vintage {given[:80]!r} is no label: letters, digits, '.', '-', '+' and '_' make one",
                         where="--vintage", safe=SAFE)
    label, updated = parse_printing(given or datetime.fromtimestamp(newest / 1e9, UTC).strftime("%Y-%m-%d"))
    return Vintage(dataset_of(request.inputs[0].name, request.dataset), label, first_day(label), updated,
                   GIVEN if given else OBSERVED)


# --- survey -------------------------------------------------------------------------------------------------------


def survey(table: Table, pool: Pool) -> None:
    """Look at every byte once: digests of the files, and of those that may be cut where their quotes and lines are."""
    tasks, owners = [], []
    for number, path in enumerate(table.files):
        size = table.stamps[path][0]
        for start in range(0, max(size, 1), BLOCK):
            tasks.append(Task("large.extract_tasks:survey", {"path": str(path.resolve()), "start": start,
                                                       "end": min(start + BLOCK, size)}))
            owners.append(number)
    table.blocks = [[] for _ in table.files]
    for owner, task, told in zip(owners, tasks, pool.all(tasks), strict=True):
        table.blocks[owner].append((task.arguments["start"], task.arguments["end"], told))
    table.digests = [digest_of_blocks(told[0] for *_, told in blocks) for blocks in table.blocks]


# --- cutting and staging ------------------------------------------------------------------------------------------


def stage_pieces(table: Table, stage: Stage, pool: Pool, settings: Settings, code: str, sample: str) -> None:
    """Stage every piece, or a seeded sample of them; what is staged already is not read again."""
    settings = replace(settings, piece_bytes=max(settings.piece_bytes // times_longer(table.layout), 1))
    for number, path in enumerate(table.files):
        cuts = pieces_of(table, number, settings, sample)
        identity = identity_of(table.digests[number], table.layouts[number].told(), settings.piece_bytes, code, sample)
        if isinstance(cuts, str):
            told: list[dict[str, Any]] | str = cuts
        else:
            told = _in_parallel(table, stage, pool, number, cuts, identity, sample)
        if isinstance(told, str):
            stage.report.note(f"{path.name} is read by one process: it {told}")
            told = _by_one(table, stage, pool, number, identity, settings, sample)
        bring_quarantine(table.storage, stage, told)
        table.told += told
        table.owners += [number] * len(told)


def times_longer(layout: Layout) -> int:
    """Return how many times smaller pieces of a wide table are: made long, each year repeats the record's texts."""
    years = len(layout.columns.wide)
    return min(max(years // WIDE_YEARS, 2), MOST_TIMES) if years else 1


def _in_parallel(table: Table, stage: Stage, pool: Pool, number: int, cuts: Sequence[Sequence[Sequence[int]]],
                 identity: str, sample: str) -> list[dict[str, Any]] | str:
    """Stage the pieces of one file; returns what they told, or why the file must be read from its start to its end."""
    most = math.ceil(int(sample) / max(len(cuts), 1)) if sample.isdigit() else 0
    common = _common(table, stage, number)
    tasks = [Task("large.extract_tasks:stage_piece", common | {
        "number": number * MOST_PIECES + at, "ranges": ranges, "identity": f"{identity}/{at}/{most}", "most": most})
        for at, ranges in enumerate(cuts)]
    told: dict[int, dict[str, Any]] = {}
    records = sum(each["records"] for each in table.told)
    for at, result in pool.run(tasks):
        if "untrusted" in result:
            return str(result["untrusted"])
        told[at] = result
        records += result["records"]
        stage.report.progress(records)
    return [told[at] for at in range(len(tasks))]


def _by_one(table: Table, stage: Stage, pool: Pool, number: int, identity: str, settings: Settings,
            sample: str) -> list[dict[str, Any]]:
    """Stage a file that cannot be cut, by one worker."""
    arguments = _common(table, stage, number) | {"first": number * MOST_PIECES, "identity": identity,
                                                 "piece_bytes": settings.piece_bytes,
                                                 "share": share_of(sample, table.bytes)}
    found: list[dict[str, Any]] = pool.all([Task("large.extract_tasks:stage_serially", arguments)])[0]
    return found


def _common(table: Table, stage: Stage, number: int) -> dict[str, Any]:
    path = table.files[number]
    return {"root": table.storage or str(stage.workspace.root), "folder": staged_folder(table),
            "path": str(path.resolve()), "stamp": table.stamps[path], "quarantine": quarantine_folder(table),
            "name": path.name, "layout": table.layouts[number].told()}


def staged_folder(table: Table) -> str:
    """Return where the staged pieces stand, in workspace or storage; files of other bytes have another folder."""
    whole = identity_of(table.digests)[:12]
    return f"results/staged/{vintage_folder(table.vintage)}/pieces-{whole}"


def quarantine_folder(table: Table) -> str:
    """Return where the rows stand that cannot be read."""
    return f"results/quarantine/{vintage_folder(table.vintage)}/pieces"


def pieces_of(table: Table, number: int, settings: Settings, sample: str) -> list[list[list[int]]] | str:
    """Return the ranges (start, end, first line) of each piece of a file, or why it cannot be cut."""
    from large.cut import BlockSurvey, Uncuttable, cut

    small = min(SAMPLE_PIECE, settings.piece_bytes) if sample else settings.piece_bytes
    small = max(small, table.stamps[table.files[number]][0] // MOST_PIECES + 1)  # the next file has the next numbers
    blocks = [(start, end, BlockSurvey(*told)) for start, end, told in table.blocks[number]]
    if is_packed(file_document(table.files[number], {})):
        return "is packed"
    cuts = cut(str(table.files[number]), table.layouts[number], blocks, small)
    if isinstance(cuts, Uncuttable):
        return cuts.reason
    ranges = [[piece.start, piece.end, piece.first_line] for piece in cuts]
    if not sample:
        return [[each] for each in ranges]
    chosen = sampled(ranges, sample, table.bytes)
    each = max(settings.piece_bytes // small, 1)
    return [chosen[at:at + each] for at in range(0, len(chosen), each)]


def sampled(ranges: Sequence[list[int]], sample: str, size: int) -> list[list[int]]:
    """Return the seeded share of the ranges, in their order; of a number of records, enough for so many and more."""
    count = min(max(math.ceil(len(ranges) * share_of(sample, size)), LEAST_RANGES), len(ranges))
    chosen = random.Random(SEED).sample(range(len(ranges)), count)
    return [ranges[at] for at in sorted(chosen)]


def share_of(sample: str, size: int) -> float:
    """Return the share of a table of so many bytes that a sample is, 1 for none; of a number of records, no less."""
    if not sample:
        return 1.0
    return float(sample[:-1]) / 100 if sample.endswith("%") else min(int(sample) * MOST_RECORD / max(size, 1), 1.0)


# --- what comes of it ---------------------------------------------------------------------------------------------


def require_space(table: Table, stage: Stage) -> None:
    """Refuse a table for which the disk has not the room. Raises DiskFull."""
    packed = any(path.name.lower().endswith(PACKED) for path in table.files)
    share = IN_DATABASES / NEEDED if table.storage else 1.0
    needed = int(table.bytes * (PACKED_NEEDED if packed else NEEDED) * share)
    staged = stage.workspace.resolve(staged_folder(table))  # by an attempt that was killed: they are not made again
    if not table.storage and staged.is_dir():
        needed -= sum(each.stat().st_size for each in staged.iterdir())
    require_free(stage, needed, f"{table.bytes:,} bytes of input")


def require_free(stage: Stage, needed: int, what: str) -> None:
    """Refuse what needs more bytes than the workspace's disk has. Raises DiskFull."""
    place = stage.workspace.root
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if needed > free:
        raise DiskFull(f"About {needed / 2**30:.1f} GiB are needed for {what}, and {free / 2**30:.1f} GiB are free",
                       where=str(stage.workspace.root), safe="nothing was begun; every earlier result",
                       next_command="choose a --workspace on a larger disk, or try --sample 1% first")


def balance_of(table: Table) -> dict[str, int]:
    """Return where the records went: staged, or quarantined as unreadable."""
    quarantined = sum(each["quarantine"]["rows"] for each in table.told)
    rows = sum(each["rows"] for each in table.told)
    return balanced({"in": rows + quarantined, "out": rows} | ({"quarantined": quarantined} if quarantined else {}))


def unreadable(table: Table, workspace: Workspace) -> list[str]:
    """Return a warning of rows that cannot be read: a quote that is never closed makes one of thousands of lines."""
    count = balance_of(table).get("quarantined", 0)
    parts = (workspace.resolve(path) for told in table.told for path, *_ in told["quarantine"]["parts"])
    first = next((path for path in parts if path.is_file()), None)  # an object store may have lost some
    if first is None:
        return [f"{count:,} row(s) cannot be read"] if count else []
    with first.open(encoding="utf-8", newline="") as stream:
        row = next(csv.DictReader(stream))
    return [f"{count:,} row(s) cannot be read and are in quarantine, the first at {row['locator']}: {row['detail']}"]


def parts_of(table: Table) -> list[Part]:
    """Return the staged pieces as the parts of a manifest."""
    folder = staged_folder(table)
    return [Part(f"{folder}/{name}", digest, size, told["rows"])
            for told in table.told for name, (digest, size) in told["files"].items()]


def facts_of(table: Table, plan: TablePlan, fetched_at: str) -> dict[str, Any]:
    """Return what later stages need to know of the table; shaped as the facts of every extract."""
    from dataclasses import asdict

    quarantine = [part[0] for told in table.told for part in told["quarantine"]["parts"]]
    batch = {"vintage": asdict(table.vintage), "decimal_mark": plan.decimal_mark, "decimals": {}, "scopes": [],
             "parts": [], "balance": balance_of(table), "main": MAIN, "quarantine": quarantine, "picture_year": 0,
             "fetched_at": fetched_at}
    pieces = [{"part": part.relative_path, "sha256": part.sha256, "rows": part.rows, "first_line": told["first_line"],
               "file": table.files[owner].name, "bytes_held": told["bytes_held"]}
              for part, told, owner in zip(parts_of(table), table.told, table.owners, strict=True)]
    return {"channel": "table", "archive_id": "", "fallbacks": [], "batches": [batch],
            "documents": [{"kind": "data", "url": path.name, "fetched_at": fetched_at, "fingerprint": digest}
                          for path, digest in zip(table.files, table.digests, strict=True)],
            "picture": {"batch": 0, "year": 0, "main": MAIN}, "warnings": [],
            "table": {"plan": plan.told(), "pieces": pieces, "bytes": table.bytes, "storage": table.storage}}


def decide(table: Table, request: Request, key: Sequence[str]) -> TablePlan:
    """Return what the columns mean, by all pieces. Raises UsageError, SourceNonsense, GateError for no row at all."""
    name = table.files[0].name
    if not any(each["rows"] for each in table.told):
        bad = sum(each["quarantine"]["rows"] for each in table.told)
        raise GateError(f"{name} has a header and no row under it that can be read"
                        + (f"; {bad:,} are in quarantine" if bad else ""), where=name, safe=SAFE,
                        next_command=f"head -5 {name}")
    unnamed = sorted({name for each in table.told for name in each["unnamed"]}, key=int)
    table.notes += [f"Column {int(each) + 1} has cells and no name in the header, and is left out" for each in unnamed]
    return meaning.plan_of(table.layout, meaning.merge(each["seen"] for each in table.told), name, request.unit, key)
