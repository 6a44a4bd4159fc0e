"""Where figures go: one module a destination, found by its file name.

To add one, put NAME.py into this folder with one class named Target that has the methods of BaseTarget below, and call
it with `python load.py --target NAME`, or where it takes an address with `--target NAME://…` or `NAME:…`. publish()
writes figures and the ledger's rows in one transaction; a batch that the ledger holds is not written again. What is put
where is decided in history/ and targets/_publish.py, which every target that knows the schema shares. SQL lives in
sql/, as files. A module that has no Target but a function resolved(text) stands for other targets: it returns the
address that is meant, which may hold a password.
"""

from __future__ import annotations

import importlib
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar

from history.losses import Loss
from history.merge import Conflict, Rows
from history.model import OBSERVED, Scope, Vintage, Witness
from pipeline.columns import Column, Tables
from pipeline.errors import UsageError
from pipeline.secrets import redacted
from rules.identity import Country
from targets._address import Address, address_of, parsed
from utils import Workspace, sha256_text

FOLDER = Path(__file__).resolve().parent
Row = dict[str, Any]


@dataclass(frozen=True)
class Batch:
    """One vintage, clean: what publish() takes.

    scopes: what it speaks for. main: the indicator that is judged, GDP where it has it. picture_year: of its picture, 0
    where each cell carries its own. rows: makes its clean records, as texts ordered by indicator, iso3 and year, as
    often as asked. accepted: gates let through by hand.
    """

    vintage: Vintage
    scopes: Sequence[Scope]
    digest: str
    figures: int
    main: str
    picture_year: int
    rows: Callable[[], Rows]
    witness: Witness
    run_id: str
    accepted: Sequence[str] = ()

    @property
    def batch_id(self) -> str:
        """Vintage and a digest of all that is said of it: the same is the same batch, however it came.

        What it speaks for, and how it is dated and labelled, belong to that: the same figures as a report of some
        economies and of all are two batches, and a folder's name may stand for two labels.
        """
        spoken = sorted((s.indicator, s.complete, list(s.years) if s.complete else []) for s in self.scopes)
        said = json.dumps([self.digest, self.vintage.key, self.vintage.dating, spoken])
        return f"{self.vintage.dataset}/{self.vintage.slug}/{sha256_text(said)}"

    @property
    def lasts(self) -> bool:
        """Tell whether it enters history: a table whose vintage nobody names is a picture."""
        return not (self.vintage.dating == OBSERVED and self.vintage.dataset.startswith("table:"))


@dataclass
class Counts:
    """What a publish changed.

    figures: of the batches that the ledger did not hold. ranges, gone: ranges written and taken away. witnesses: added.
    conflicts: figures of one vintage about which two channels contradict each other, and which word was kept.
    losses: what a vintage lost against its neighbour.
    moved: vintage -> the one it turned out to be. known: vintage key -> vintage, of all in `conflicts` and `losses`.
    """

    figures: int = 0
    ranges: int = 0
    gone: int = 0
    witnesses: int = 0
    conflicts: list[Conflict] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    known: dict[str, Vintage] = field(default_factory=dict)


@dataclass(frozen=True)
class Picture:
    """The newest picture: one row an economy, named as the columns of Countries_by_GDP."""

    vintage: Vintage
    channel: str
    run_id: str
    rows: Sequence[Mapping[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Profile:
    """How a query went: its rows, seconds from asking to the last of them, and the target's plan, a line a step."""

    rows: list[Row]
    seconds: float
    plan: Sequence[str] = ()


@dataclass(frozen=True)
class Measures:
    """What a target tells of itself; None: it does not tell.

    size: bytes on the disk, indexes too. unused: bytes of it that hold nothing. cache: bytes of memory set aside for
    its pages. hits, misses: pages found there, and pages not, since the target began to count. spilled: bytes that
    queries wrote to temporary files, counted likewise.
    """

    size: int | None = None
    unused: int | None = None
    cache: int | None = None
    hits: int | None = None
    misses: int | None = None
    spilled: int | None = None


class BaseTarget(ABC):
    """What every target is; used as a context manager, and everything done inside becomes visible at its end.

    answers: True where its state can be asked (query() knows "picture_vintage", "loaded"), and report
    can read it. history: True where it keeps vintages, and query() knows all queries of the project; without, it has
    one picture, and publish() only counts. addressed: "" where it takes no address, else an example of one; then its
    __init__ has `url` too. needed: whether it must have one. shown: what was typed, without a password.
    Raises TargetUnreachable, TargetRefused.
    """

    answers: ClassVar[bool] = False
    history: ClassVar[bool] = False
    addressed: ClassVar[str] = ""
    needed: ClassVar[bool] = False
    shown: str = ""

    @property
    def where(self) -> str:
        """Where it is, for messages."""
        return self.shown

    @abstractmethod
    def __init__(self, workspace: Workspace, *, rebuild: bool = False) -> None: ...

    @abstractmethod
    def __enter__(self) -> BaseTarget: ...

    @abstractmethod
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None: ...

    @abstractmethod
    def describe(self, countries: Iterable[Country], version: str) -> None:
        """Bring the country dimension up to this version of the region table."""

    @abstractmethod
    def applied(self, batch_id: str) -> bool:
        """Tell whether the ledger holds the batch."""

    @abstractmethod
    def publish(self, batches: Sequence[Batch]) -> Counts:
        """Put batches of one dataset among what is held, with their rows in the ledger, in one transaction.

        A batch that the ledger holds only gets a witness. Batches of one vintage are in the order of their arrival.
        """

    @abstractmethod
    def show(self, picture: Picture) -> None:
        """Replace the picture."""

    @abstractmethod
    def keep_picture(self, run_id: str) -> None:
        """Leave the picture as it is, asked for by another run."""

    @abstractmethod
    def query(self, name: str, parameters: Mapping[str, Any]) -> list[Row]:
        """Run sql/queries/NAME.sql and return its rows, column name -> value."""

    def rows(self, name: str, parameters: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of sql/queries/NAME.sql one by one, values in the order of its columns, for large results."""
        yield from (tuple(row.values()) for row in self.query(name, parameters))

    def profile(self, name: str, parameters: Mapping[str, Any], *, plan: bool = True) -> Profile:
        """Run a query as query() does, timed; with `plan` a target that can tells how it finds the rows."""
        begun = time.perf_counter()
        rows = self.query(name, parameters)
        return Profile(rows, time.perf_counter() - begun)

    def measures(self) -> Measures:
        """Return what it tells of its size and memory: of a target with history what sql/queries/measures.sql asks."""
        rows = self.query("measures", {}) if self.history else []
        return Measures(**rows[0]) if rows else Measures()

    def columns(self) -> Tables:
        """Return the columns of its tables as they are, {} where it has none of this schema yet.

        Of a target with history what sql/queries/columns.sql asks; inside `with` those that are about to be published.
        """
        rows = self.query("columns", {}) if self.history else []
        return {table: [Column(row["column"], row["type"], bool(row["nullable"])) for row in group]
                for table, group in groupby(rows, lambda row: str(row["table"]))}

    def fault(self, most: int = 0) -> str:
        """Return "" for a target that is whole, else what is wrong with it; reads all of it, up to `most` bytes."""
        return ""


def names() -> list[str]:
    """Return the names of the targets in the folder."""
    return sorted(path.stem for path in FOLDER.glob("[a-z]*.py"))


def open_target(text: str, workspace: Workspace, *, rebuild: bool = False) -> BaseTarget:
    """Return the target to ask of those that --target names: the first that answers, else the first."""
    found = open_targets(text, workspace, rebuild=rebuild)
    return next((target for target in found if target.answers), found[0])


def open_targets(text: str, workspace: Workspace, *, rebuild: bool = False) -> list[BaseTarget]:
    """Return the targets that --target names, to be made anew with `rebuild`. Raises UsageError for an unknown one."""
    return [_opened(address, workspace, rebuild) for address in parsed(text, names())]


def shown(text: str) -> str:
    """Return what --target names as it may be shown and written."""
    return ",".join(address.shown for address in parsed(text, names()))


def _opened(address: Address, workspace: Workspace, rebuild: bool) -> BaseTarget:
    name, listed = address.name, "python load.py --help   # lists the targets"
    if name not in names():
        near = get_close_matches(name, names(), 1)
        close = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(f"There is no target named {redacted(name)!r}{close}",
                         safe="nothing was changed", next_command=listed)
    module = importlib.import_module(f"targets.{name}")
    if hasattr(module, "resolved"):
        meant = _opened(address_of(module.resolved(address.url)), workspace, rebuild)
        meant.shown = address.shown
        return meant
    kind: type[BaseTarget] = module.Target
    if address.url and not kind.addressed:
        raise UsageError(f"The target {name} takes no address", safe="nothing was changed",
                         next_command=f"--target {name}")
    if kind.needed and not address.url:
        raise UsageError(f"The target {name} needs an address", safe="nothing was changed",
                         next_command=f"--target '{kind.addressed}'")
    more = {"url": address.url} if address.url else {}
    target: BaseTarget = kind(workspace, rebuild=rebuild, **more)
    target.shown = address.shown
    return target
