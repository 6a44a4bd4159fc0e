"""The databases of the regions, all asked at once: how many records of a size, the mean of each region's five largest,
and the largest of the world, merged from what each region says.

A database a thread: SQLite works outside of Python's lock. What is read stays of one run while another is published,
since an open database is a file that nobody changes; only opening six may meet two runs, and is then done again.
"""

from __future__ import annotations

import argparse
import heapq
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from itertools import islice, repeat
from pathlib import Path
from typing import Any

from history.model import Vintage
from pipeline import staging
from pipeline.errors import CheckpointError, TargetRefused, UsageError
from questions import _held
from questions._held import SAFE
from questions.picture import REGION_HEADS, rounded
from reports.tables import Report, Row, Table
from rules.identity import REGIONS
from targets._regional import MAKE, column_names, file_of, picture_of, read_only, statement
from targets.regions import PICTURE_COLUMNS, folder_of
from utils import Workspace

LONGEST_SHOWN = 200  # characters of a text that people are shown
WORLD_TOP = 100  # records of the world's list
MOST = 100  # records that people are shown
SMALL = 1_000  # records up to which a picture is a page too
ATTEMPTS, PAUSE = 5, 0.05  # to meet databases of one run, and seconds between two
OWN = ("Rank", "Region", "Country", "GDP_USD_billion", "GDP_as_published", "Year")  # columns of a report
HEADS = {"Rank": "#", "Country": "country", "GDP_USD_billion": "GDP, bn US$", "Region": "region", "Year": "year"}
FURTHER_SHOWN = 4  # columns of the user's own that people are shown
FORMS_FOR_PEOPLE = ("table", "markdown")


@dataclass
class Base:
    """An open database: what it says of itself, its columns, and its answers."""

    region: str
    db: sqlite3.Connection
    told: Row
    columns: list[str]
    counted: int = 0  # records of --min-gdp and more
    five: tuple[float | None, int, str] = (None, 0, "")  # mean of the five largest, how many they are, whose
    largest: Sequence[tuple[Any, ...]] = ()


@dataclass(frozen=True)
class Wanted:
    """What is asked: the options of report.py that count here, as parameters and pieces of SQL."""

    min_gdp: float
    top: int
    year: int
    region: str | None

    @classmethod
    def of(cls, options: argparse.Namespace) -> Wanted:
        """Read the options. Raises UsageError for an unknown region."""
        return cls(options.min_gdp, options.top, options.year, _held.region(options.region))

    def text(self, name: str) -> str:
        """Return a statement of sql/regions/, with its condition on the year where one is asked."""
        return statement(name).replace("/*year*/", "AND Year = :year" if self.year else "")

    def parameters(self, **more: Any) -> dict[str, Any]:
        """Return what all statements take."""
        return {"min_gdp": self.min_gdp, "year": self.year, **more}


@dataclass(frozen=True)
class Answer:
    """The report as people see it, and for programs every record of --min-gdp and more, or --top of them.

    records: reads them from the open databases while they are asked for. names: their columns. small: whether it is a
    page too, which then has every record.
    """

    report: Report
    page: Report
    records: Callable[[], Iterator[Row]]
    names: Sequence[str]
    small: bool


def answer(workspace: Workspace, options: argparse.Namespace, stack: ExitStack) -> Answer:
    """Ask the databases; they stay open until the stack is left.

    Raises CheckpointError where one is missing or of an older schema, TargetRefused where one is not ours or where they
    stay of different runs, UsageError for a region or a year that there is not.
    """
    wanted = Wanted.of(options)
    folder = folder_of(workspace)
    if not folder.exists():
        source = "--source table --input big.csv " if options.sample else ""  # nothing else is done by shares
        raise CheckpointError("There are no databases of the regions yet", where=str(folder), safe=SAFE,
                              next_command=f"python etl_process.py {source}--target regions")
    bases = _opened(folder, [wanted.region] if wanted.region else list(REGIONS), stack)
    if wanted.year and "Year" not in bases[0].columns:
        raise UsageError("The records have no year", safe=SAFE, next_command="python report.py --target regions")
    for_people = options.format in FORMS_FOR_PEOPLE
    if for_people:
        for base in bases:
            base.db.text_factory = _short
    with ThreadPoolExecutor(len(bases)) as threads:
        list(threads.map(lambda base: _ask(base, wanted), bases))
    return _told(bases, wanted, for_people=for_people)


def _short(text: bytes) -> str:
    """Return a text as people are shown it: of a hundred records with a megabyte each nobody reads the end."""
    whole = text[:4 * LONGEST_SHOWN + 4].decode("utf-8", "replace")
    return whole if len(whole) <= LONGEST_SHOWN else whole[:LONGEST_SHOWN] + "…"


def _opened(folder: Path, regions: Sequence[str], stack: ExitStack) -> list[Base]:
    """Open databases of one run. Raises CheckpointError, TargetRefused."""
    for attempt in range(ATTEMPTS):
        last = attempt == ATTEMPTS - 1
        with ExitStack() as own:
            try:
                bases = [_open(folder, region, own) for region in regions]
            except CheckpointError:
                if last:
                    raise
            else:
                if len({base.told["run_id"] for base in bases}) == 1:
                    stack.enter_context(own.pop_all())
                    return bases
                if last:
                    told = ", ".join(f"{base.region} of {base.told['run_id']}" for base in bases)
                    raise TargetRefused(f"The databases of the regions are of different runs: {told}",
                                        where=str(folder), safe=SAFE, next_command=MAKE)
        time.sleep(PAUSE)
    raise AssertionError("the last attempt returns or raises")


def _open(folder: Path, region: str, stack: ExitStack) -> Base:
    path = folder / file_of(region)
    db = stack.enter_context(closing(read_only(path)))
    try:
        columns = [row[1] for row in db.execute("PRAGMA table_info(Countries_by_GDP)")]
        return Base(region, db, picture_of(db), columns)
    except sqlite3.Error as error:
        raise _damaged(path.name, error) from error


def _damaged(names: str, error: sqlite3.Error) -> TargetRefused:
    return TargetRefused(f"{names} cannot be read: {error}", where="sqliteDB/regions", safe=SAFE, next_command=MAKE)


def _ask(base: Base, wanted: Wanted) -> None:
    """Ask one database everything that takes time."""
    try:
        one = base.db.execute(wanted.text("count_from"), wanted.parameters()).fetchone()
        base.counted = int(one[0])
        base.five = base.db.execute(wanted.text("top_five"), wanted.parameters()).fetchone()
        base.largest = base.db.execute(wanted.text("largest"), wanted.parameters(top=WORLD_TOP)).fetchall()
    except sqlite3.Error as error:
        raise _damaged(file_of(base.region), error) from error


# --- the answers merged ---------------------------------------------------------------------------------------------


def merged(bases: Sequence[Base], rows: Sequence[Iterator[tuple[Any, ...]]]) -> Iterator[Row]:
    """Yield the rows of all regions, largest first, ranked. rows: of each database, in the order of its key.

    Records of equal GDP go by country, as in each database; an economy is in one region only.
    """
    names = {base.region: report_names(base.columns) for base in bases}
    parts = [zip(repeat(base.region), of, strict=False) for base, of in zip(bases, rows, strict=True)]
    ordered = heapq.merge(*parts, key=lambda part: (-part[1][1], part[1][0]))  # Country comes first, then GDP
    for rank, (region, row) in enumerate(ordered, 1):
        yield {"Rank": rank, "Region": region, **dict(zip(names[region], row, strict=True))}


def report_names(columns: Sequence[str]) -> list[str]:
    """Return the columns of a database as a report names them: the user's own must not be taken for ours."""
    ours = [name for name in columns if name in OWN[2:]]
    further = iter(column_names([name for name in columns if name not in OWN[2:]], OWN))
    return [name if name in ours else next(further) for name in columns]


def _records(bases: Sequence[Base], wanted: Wanted, most: int | None) -> Iterator[Row]:
    """Yield the records of --min-gdp and more, largest first, read while they are asked for."""
    parameters = wanted.parameters(top=most)
    try:
        found = [base.db.execute(wanted.text("records_from"), parameters) for base in bases]
        yield from islice(merged(bases, found), most)
    except sqlite3.Error as error:
        raise _damaged(" or ".join(file_of(base.region) for base in bases), error) from error


def _told(bases: Sequence[Base], wanted: Wanted, *, for_people: bool) -> Answer:
    """Return the answers of all databases as one report."""
    held, count = (sum(each) for each in zip(*((base.told["rows"], base.counted) for base in bases), strict=True))
    small, first = held <= SMALL, bases[0]
    most = wanted.top or SMALL if small else min(wanted.top or MOST, MOST)
    rows = list(_records(bases, wanted, most)) if small or for_people else []
    vintage = staging.described(Vintage.of_row(first.told), first.told["channel"])
    title = vintage + (f", {wanted.year}" if wanted.year else "") if first.told["dataset"] else "no GDP yet"
    screen = rows[:MOST] if for_people else []
    told = _tables(bases, wanted, screen, title, "economies" if _is_picture(first.columns) else "records")
    notes = _notes(bases, wanted)
    if for_people and len(screen) < min(count, wanted.top or count):
        notes.append(f"{len(screen):,} of {count:,} are shown; --format csv and json have all.")
    facts = {name: first.told[name] for name in ("dataset", "label", "run_id", "decimals")}
    report = Report(title, told, notes, facts | {"held": held, "at_least": count})
    page = Report(title, [replace(told[0], rows=rows), told[1]], _notes(bases, wanted))
    return Answer(report, page, lambda: _records(bases, wanted, wanted.top or None),
                  ["Rank", "Region", *report_names(first.columns)], small)


def _tables(bases: Sequence[Base], wanted: Wanted, shown: Sequence[Row], title: str, what: str) -> list[Table]:
    """Return the records shown, the regions, and the world's largest where they are not the same as those shown."""
    heads, size = _heads(bases[0].columns), f"{wanted.min_gdp:,g} billion US$ and more"
    regions = {**REGION_HEADS, "Economies": what, "At_least": f"{wanted.min_gdp:,g} bn+"}
    found = [Table("economies", f"{what.capitalize()} of {size}: {title}", shown, heads),
             Table("regions", f"Regions, mean of the five largest: {title}", _regions(bases, wanted), regions)]
    if wanted.region:
        return found
    world = list(islice(merged(bases, [iter(base.largest) for base in bases]), min(wanted.top or WORLD_TOP, WORLD_TOP)))
    if world != shown:
        found.append(Table("world", f"The {len(world)} largest of the world: {title}", world, heads))
    return found


def _is_picture(columns: Sequence[str]) -> bool:
    """Tell whether there is a row an economy, and not many."""
    return set(columns[3:]) == {each.name for each in PICTURE_COLUMNS}


def _heads(columns: Sequence[str]) -> dict[str, str]:
    """Return the heads people are shown: ours, and some of the user's own under their names."""
    further = [name for name in report_names(columns) if name not in OWN and name != "Forecast"]
    return HEADS | {name: name for name in further[:FURTHER_SHOWN]}


def _regions(bases: Sequence[Base], wanted: Wanted) -> list[Row]:
    """Return a row a region that has a record, the largest mean first."""
    rows = [{"Region": base.region, "Top5_mean_GDP_USD_billion": rounded(base.five[0]), "Counted": base.five[1],
             "Top5": base.five[2], "At_least": base.counted,
             **({} if wanted.year else {"Economies": base.told["rows"]})} for base in bases if base.five[0] is not None]
    return sorted(rows, key=lambda row: -row["Top5_mean_GDP_USD_billion"])


def _notes(bases: Sequence[Base], wanted: Wanted) -> list[str]:
    """Return what is to be known of the answers: regions with few records, and the decimals."""
    few = [f"{base.region} has {base.five[1]} only" for base in bases if 0 < base.five[1] < 5]
    none = ", ".join(base.region for base in bases if not base.five[1])
    of_year = f" of {wanted.year}" if wanted.year else ""
    return [*few, *([f"{none}: no record{of_year}"] if none else []), *filter(None, [bases[0].told["decimals"]])]
