"""The database of one region: made empty, filled in the order of its key, checked, on the disk.

    create(path, region, columns, facts, economies)     an empty database
    sent = fill(path, reader)                           Arrow record batches, streamed; or insert(path, rows)
    finish(path, sent)                                  counted, compared with what was sent, flushed to the disk

What is unsafe is only done to a file that nobody sees yet: a folder of six is put in its place by targets/_exchange.py.
Measured at 2 million rows of 5 columns: 0.79 s of CPU a million through ADBC. Pages of 4 KiB take 0.87 s, of 64 KiB
0.80; a larger cache, string views and dictionaries make no difference, since rows come in the order of the key.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from history.model import Vintage
from pipeline.errors import CheckpointError, TargetError, TargetRefused
from rules.identity import REGIONS, Country
from targets._disk import disk_fault
from targets._schema import refuse_newer, refuse_older
from utils import PROJECT, disk_full_named

if TYPE_CHECKING:
    import pyarrow as pa

SQL = PROJECT / "sql" / "regions"
SCHEMA = 1
APPLICATION = 0x57455267  # "WERg", in the header of every database of a region
PAGE_BYTES = 16_384
CACHE_KIB = 4_000
LONGEST_NAME = 120  # characters of a column's name
MOST_COMPARED = 900  # columns: SQLite takes no condition of a thousand terms
OURS = ("Country", "GDP_USD_billion", "GDP_as_published", "Year")
SAFE = "the databases of the regions are as they were"
MAKE = "python load.py --target regions"
_HEADER = b"SQLite format 3\0"
_APPLICATION_AT = 68  # in the header of a SQLite file


class Column(NamedTuple):
    """A column behind GDP_as_published, Year among them where records have one.

    type: INTEGER or TEXT. key: it tells records apart; Country and GDP are always in the key.
    """

    name: str
    type: str
    key: bool = True


@dataclass(frozen=True)
class Facts:
    """What each of the six databases says of all of them. decimals: a sentence on the figures' decimals, or ""."""

    vintage: Vintage
    channel: str
    run_id: str
    region_version: str
    decimals: str = ""


@dataclass
class Sent:
    """What was sent to a database: how many rows, the first and the last of them."""

    rows: int = 0
    first: tuple[Any, ...] = ()
    last: tuple[Any, ...] = ()


def file_of(region: str) -> str:
    """Return the file name of a region's database: "North America" is North_America.db."""
    return region.replace(" ", "_") + ".db"


FILES = tuple(file_of(region) for region in REGIONS)


# --- names and the schema -------------------------------------------------------------------------------------------


def column_names(names: Iterable[str], taken: Iterable[str] = OURS) -> list[str]:
    """Return further header names as names of columns, in their order: readable, not blank, each once in any case.

    taken: names that are used already. Control characters become blanks, a blank name is column_N (from 1), and a name
    that is taken has _2, _3, … behind it. Quotes and keywords stay as they are: quoted() makes them harmless.
    """
    used, found = {name.casefold() for name in taken}, []
    for number, name in enumerate(names, 1):
        plain = name.encode("utf-8", "replace").decode("utf-8")
        stem = " ".join("".join(char if char.isprintable() else " " for char in plain).split())[:LONGEST_NAME].strip()
        stem = stem or f"column_{number}"
        free, at = stem, 1
        while free.casefold() in used:
            at += 1
            free = f"{stem}_{at}"
        used.add(free.casefold())
        found.append(free)
    return found


def quoted(name: str) -> str:
    """Return a name as SQL takes it literally, whatever it is."""
    return '"' + name.replace('"', '""') + '"'


def ddl(columns: Sequence[Column]) -> str:
    """Return the statements that make the tables of one database."""
    further = "".join(f",\n    {quoted(each.name)} {each.type}{' NOT NULL' * each.key}" for each in columns)
    key = "".join(f", {quoted(each.name)}" for each in columns if each.key)
    put = {"/*further*/": further, "/*key*/": key}
    _, create_table, text = statement("schema").partition("CREATE TABLE")  # the comment before it names the marks too
    return create_table + re.sub(r"/\*[a-z]+\*/", lambda mark: put[mark[0]], text)  # one pass: a name may be a mark


@cache
def statement(name: str) -> str:
    """Return the text of sql/regions/NAME.sql."""
    return (SQL / f"{name}.sql").read_text(encoding="utf-8")


# --- a database that nobody sees yet --------------------------------------------------------------------------------


def create(path: Path, region: str, columns: Sequence[Column], facts: Facts, economies: Iterable[Country]) -> None:
    """Make an empty database. economies: of all regions. Raises DiskFull, TargetRefused."""
    with named(path), contextlib.closing(_opened(path)) as db:
        db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        db.executescript(ddl(columns))
        db.execute(statement("insert_picture"), {"region": region, "channel": facts.channel, "run_id": facts.run_id,
                                                 "region_version": facts.region_version, "decimals": facts.decimals,
                                                 **asdict(facts.vintage)})
        db.executemany(statement("insert_economy"),
                       [(each.name, each.iso3, each.subregion) for each in economies if each.region == region])
        db.execute(f"PRAGMA application_id = {APPLICATION}")
        db.execute(f"PRAGMA user_version = {SCHEMA}")
        db.execute("COMMIT")


def insert(path: Path, rows: Iterable[Sequence[Any]]) -> Sent:
    """Insert rows, values in the order of the table's columns. Raises DiskFull, TargetRefused."""
    sent = Sent()

    def passing() -> Iterator[Sequence[Any]]:
        for row in rows:
            if not sent.rows:
                sent.first = tuple(row)
            sent.rows += 1
            sent.last = tuple(row)
            yield row

    with named(path), contextlib.closing(_opened(path)) as db:
        db.executemany(_insertion(path), passing())
        db.execute("COMMIT")
    return sent


def fill(path: Path, reader: pa.RecordBatchReader) -> Sent:
    """Stream record batches into a database, columns in the order of the table's, rows in the order of its key.

    Through ADBC where it is installed, else row by row. Memory is that of a batch; 65,536 rows and 2,000 are equally
    fast. Raises DiskFull, TargetRefused, and whatever the reader raises.
    """
    if find_spec("adbc_driver_sqlite") is None:
        return insert(path, chain.from_iterable(_rows_of(batch) for batch in reader))
    import pyarrow as pa

    sent, raised = Sent(), list[BaseException]()
    batches = pa.RecordBatchReader.from_batches(reader.schema, _passing(reader, sent, raised))
    try:
        with named(path):
            _stream(path, batches)
    except TargetError:
        if raised:  # C has no exceptions: what the reader raised came back as a sentence
            raise raised[0] from None
        raise
    return sent


def _passing(reader: pa.RecordBatchReader, sent: Sent, raised: list[BaseException]) -> Iterator[pa.RecordBatch]:
    """Pass batches on, noting what goes by."""
    try:
        for batch in reader:
            if batch.num_rows:
                sent.first = sent.first or next(_rows_of(batch.slice(0, 1)))
                sent.last = next(_rows_of(batch.slice(batch.num_rows - 1, 1)))
                sent.rows += batch.num_rows
                yield batch
    except BaseException as error:
        raised.append(error)
        raise


def _rows_of(batch: pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
    return zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _stream(path: Path, batches: pa.RecordBatchReader) -> None:
    """Insert batches by the low-level ADBC driver: its DBAPI would import pandas and take 1.7 s."""
    import adbc_driver_manager as adbc
    import adbc_driver_sqlite

    text = _insertion(path)  # by position: names of the user's own stay out of the driver's hands
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(adbc.AdbcDatabase(driver=adbc_driver_sqlite._driver_path(), uri=str(path)))
        connection = stack.enter_context(adbc.AdbcConnection(database))
        for pragma in _PRAGMAS:
            _pragma(adbc.AdbcStatement(connection), pragma)
        connection.set_autocommit(False)
        with adbc.AdbcStatement(connection) as insertion:
            insertion.set_sql_query(text)
            insertion.prepare()
            insertion.bind_stream(batches)
            insertion.execute_update()
        connection.commit()


def _pragma(asked: Any, text: str) -> None:
    import pyarrow as pa

    with asked:
        asked.set_sql_query(text)
        stream, _ = asked.execute_query()
        pa.RecordBatchReader._import_from_c(stream.address).read_all()


_PRAGMAS = ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "PRAGMA locking_mode = EXCLUSIVE",
            f"PRAGMA cache_size = -{CACHE_KIB}")


def _opened(path: Path) -> sqlite3.Connection:
    """Open a file that nobody sees yet, in a transaction as soon as something is inserted."""
    path.touch()  # by SQLite a disk without room for a name is a file that cannot be opened
    db = sqlite3.connect(path)
    for pragma in _PRAGMAS:
        db.execute(pragma)
    return db


def _insertion(path: Path) -> str:
    with contextlib.closing(sqlite3.connect(path)) as db:
        count = len(db.execute("PRAGMA table_info(Countries_by_GDP)").fetchall())
    return f"INSERT INTO Countries_by_GDP VALUES ({', '.join('?' * count)})"


def finish(path: Path, sent: Sent) -> None:
    """Compare a database with what was sent to it, note its rows, and flush it to the disk.

    The count reads every leaf, the key refuses a row twice, and the two ends are there with every value: nothing was
    lost or mixed up on the way. That a b-tree is well-formed is SQLite's own word, which asking again (quick_check)
    takes 0.13 s a million rows; a page the disk loses is told by the flush. Raises DiskFull, TargetRefused.
    """
    with named(path), contextlib.closing(_opened(path)) as db:
        (rows,) = db.execute(statement("count_rows")).fetchone()
        ends = [end for end in (sent.first, sent.last) if end]
        if rows != sent.rows or not all(_holds(db, end) for end in ends):
            raise TargetRefused(f"{path.name} holds {rows:,} rows, and not the {sent.rows:,} that were sent to it",
                                where=str(path), safe=SAFE, next_command=MAKE)
        db.execute(statement("set_rows"), (rows,))
        db.commit()
    with disk_full_named(path), path.open("rb+") as stream:
        os.fsync(stream.fileno())
    path.chmod(0o644)


def _holds(db: sqlite3.Connection, row: Sequence[Any]) -> bool:
    names = [told[1] for told in db.execute("PRAGMA table_info(Countries_by_GDP)")][:MOST_COMPARED]
    where = " AND ".join(f"{quoted(name)} = ?" for name in names)
    text = f"SELECT 1 FROM Countries_by_GDP WHERE {where}"
    return db.execute(text, row[:MOST_COMPARED]).fetchone() is not None


@contextlib.contextmanager
def named(path: Path) -> Iterator[None]:
    """Turn what SQLite and ADBC refuse into a sentence for a person: DiskFull or TargetRefused."""
    try:
        yield
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in ("sqlite3", "adbc_driver_manager", "pyarrow"):
            raise
        refused = TargetRefused(f"SQLite refuses: {error}", where=str(path), safe=SAFE, next_command=MAKE)
        raise (disk_fault(error, path, SAFE) or refused) from error


# --- a database that is published -----------------------------------------------------------------------------------


def is_ours(path: Path) -> bool:
    """Tell whether a file says in its header that it is the database of a region."""
    with path.open("rb") as stream:
        header = stream.read(_APPLICATION_AT + 4)
    return header.startswith(_HEADER) and header[_APPLICATION_AT:] == APPLICATION.to_bytes(4, "big")


def read_only(path: Path) -> sqlite3.Connection:
    """Open a published database for reading, from any one thread at a time.

    Raises CheckpointError for one that is missing or of an older schema, TargetRefused for one that is not ours.
    """
    if not path.exists():
        raise CheckpointError(f"{path.name} is missing", where=str(path), safe="nothing was changed", next_command=MAKE)
    if not is_ours(path):
        raise TargetRefused(f"{path.name} is no database of a region that this program made", where=str(path),
                            safe="nothing was changed", next_command=f"{MAKE}   # keeps that file beside, renamed")
    with _reading(path):
        db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False)
        try:
            version = int(db.execute("PRAGMA user_version").fetchone()[0])
            refuse_older(version, SCHEMA, path, what=path.name, remedy="a load makes it anew", command=MAKE)
            refuse_newer(version, SCHEMA, path, what=path.name)
        except BaseException:
            db.close()
            raise
    return db


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise TargetRefused(f"{path.name} cannot be read: {error}", where=str(path), safe="nothing was changed",
                            next_command=MAKE) from error


def queried(path: Path, asked: Callable[[sqlite3.Connection], Any]) -> Any:
    """Return what a function reads of a published database. Raises as read_only() does."""
    with _reading(path), contextlib.closing(read_only(path)) as db:
        return asked(db)


def picture_of(db: sqlite3.Connection) -> dict[str, Any]:
    """Return what a database says of itself: region, rows, vintage, channel, run_id. Raises sqlite3.Error."""
    cursor = db.execute(statement("picture"))
    row = cursor.fetchone()
    if row is None:
        raise sqlite3.DatabaseError("it does not say what it is of")
    return dict(zip((told[0] for told in cursor.description), row, strict=True))
