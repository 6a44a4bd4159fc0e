"""SQLite: sqliteDB/World_Economies.db, published whole: copied, changed beside, checked, renamed.

No reader ever sees half of a load, and a failure leaves the database as it was. Tables and views of the user's own in
the file survive every load, since a load changes a copy of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from typing import Any

from history.merge import HeldSeries, Series
from history.ranges import Range
from pipeline.errors import TargetRefused, TargetUnreachable, UsageError
from rules.identity import Country
from targets import BaseTarget, Batch, Counts, Picture, Profile, Row, _schema, _sql
from targets._checks import check
from targets._disk import disk_fault
from targets._publish import publish
from utils import Workspace, disk_full_named, fsync_folder, make_folder, utc_now

ROWS_A_STATEMENT = 50
_SAFE = "the database is as it was"
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class Target(BaseTarget):
    """The database of a workspace; inside `with`, a copy that takes its place at the end.

    rebuild: begin with none of the project's own tables; a file that is no database is kept beside, renamed.
    """

    answers = True
    history = True
    addressed = "sqlite:///FILE"

    def __init__(self, workspace: Workspace, *, url: str = "", rebuild: bool = False) -> None:
        self.path = _behind(workspace.root / _path_of(url) if url else workspace.database)
        self.rebuild = rebuild
        self._copy: Path | None = None
        self._original: sqlite3.Connection | None = None  # held against other writers from the copy to the rename
        self._connection: sqlite3.Connection | None = None

    @property
    def where(self) -> str:
        """Where it is, for messages."""
        return str(self.path)

    # --- a copy, and its way to the place of the original ---------------------------------------------------------

    def __enter__(self) -> Target:
        try:
            with disk_full_named(self.path), self._named():
                copy = self._make_copy()
                self._connection = _opened(copy)
                if self.rebuild:
                    self._drop_own_tables()
                self._migrate()
        except BaseException:
            self._discard()
            raise
        return self

    def _make_copy(self) -> Path:
        """Make a copy of the database, or an empty file where there is none to copy."""
        self._refuse_unreadable()
        make_folder(self.path.parent)
        descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}-", suffix=".tmp")
        os.close(descriptor)
        self._copy = Path(name)  # known before it is filled: a disk that is full must leave nothing of it
        if self._exists() and self._hold_original():
            self._sweep()
            # Not shutil.copyfile: closing any descriptor of a file drops all locks that this process has on it.
            # A second connection, because SQLite copies none that is in a transaction of writing.
            with (contextlib.closing(sqlite3.connect(self.path)) as source,
                  contextlib.closing(sqlite3.connect(self._copy)) as copy):
                copy.execute("PRAGMA synchronous = OFF")
                source.backup(copy)
        return self._copy

    def _sweep(self) -> None:
        """Remove the copies of loads that were killed; nobody else makes one while the original is held."""
        ours = re.compile(re.escape(f".{self.path.name}-") + r"[a-z0-9_]{8}\.tmp(?:-journal|-wal|-shm)?")
        for path in self.path.parent.iterdir():
            if ours.fullmatch(path.name) and path != self._copy:
                path.unlink(missing_ok=True)

    def _exists(self) -> bool:
        """Tell whether there is a database; to SQLite an empty file is none."""
        return self.path.exists() and self.path.stat().st_size > 0

    def _hold_original(self) -> bool:
        """Keep other writers out until the rename, so that what they commit is never lost; returns whether it is one.

        Raises sqlite3.Error where it is no database, but not in a rebuild.
        """
        if self.rebuild and self.fault():
            return False  # its own tables cannot be trusted either: it is kept beside
        self._original = sqlite3.connect(self.path, timeout=5, isolation_level=None)
        try:
            self._original.execute("SELECT count(*) FROM sqlite_master").fetchone()
            self._original.execute("PRAGMA journal_mode = DELETE").fetchone()  # what is in a -wal comes along
            self._original.execute("BEGIN IMMEDIATE")
        except sqlite3.DatabaseError as error:
            if not self.rebuild or error.sqlite_errorcode in _BUSY:
                raise
            self._release_original()
            return False
        return True

    def _release_original(self) -> None:
        if self._original is not None:
            self._original.close()
            self._original = None

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Turn what SQLite refuses into a sentence for a person."""
        try:
            yield
        except sqlite3.Error as error:
            if full := disk_fault(error, self.path, _SAFE):
                raise full from error
            if getattr(error, "sqlite_errorcode", 0) in _BUSY:
                raise TargetUnreachable("Another program is writing in the database", where=str(self.path), safe=_SAFE,
                                        next_command="python load.py") from error
            raise TargetRefused(f"SQLite refuses: {error}", where=str(self.path), safe=_SAFE,
                                next_command="python load.py --rebuild") from error

    def _drop_own_tables(self) -> None:
        for row in self.query("own_tables", {}):
            self._db.execute(f'DROP {row["type"]} "{row["name"]}"')
        self._db.execute("PRAGMA user_version = 0")

    def _migrate(self) -> None:
        """Apply, in the same transaction, the migrations the database has not seen."""
        version = _version(self._db)
        _schema.refuse_newer(version, _schema.newest(), self.path, safe=_SAFE)
        if version == 0:
            _schema.refuse_foreign(super().columns(), where=str(self.path), safe=_SAFE,
                                   next_command="rename those tables, or choose another --workspace")
        for file in _sql.migrations()[version:]:
            for statement in _sql.statements(file.read_text(encoding="utf-8")):
                self._db.execute(statement)
        _schema.refuse_altered(super().columns(), where=str(self.path), safe=_SAFE,
                               next_command="python load.py --rebuild")
        for name, text in _sql.views().items():
            if _view(self._db, name) != text.strip():
                self._db.execute(f"DROP VIEW IF EXISTS {name}")
                self._db.execute(text.strip())
        self._db.execute(f"PRAGMA user_version = {_schema.newest()}")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if kind is None and self._copy is not None:
                with self._named():
                    check(lambda text, most: self._db.execute(text).fetchmany(most), where=str(self.path), safe=_SAFE)
                    self._finish()
                self._take_place(self._copy)
                self._copy = None
        finally:
            self._discard()

    def _finish(self) -> None:
        """Commit, and check the new file before anybody sees it."""
        own = {row["name"] for row in self.query("own_tables", {})}  # what a user's table refers to is the user's
        broken = next((row for row in self._db.execute("PRAGMA foreign_key_check") if row[0] in own), None)
        self._db.execute("COMMIT")
        verdict = self._db.execute("PRAGMA quick_check").fetchone()[0]
        self._db.execute("PRAGMA optimize")
        self._db.close()
        self._connection = None
        if broken or verdict != "ok":
            raise TargetRefused(f"The new database fails its integrity check: {broken or verdict}",
                                where=str(self.path), safe=_SAFE, next_command="python load.py --rebuild")

    def _take_place(self, copy: Path) -> None:
        """Put the copy in the place of the original, surviving a power cut."""
        with disk_full_named(self.path):
            with copy.open("rb+") as stream:
                os.fsync(stream.fileno())
            copy.chmod(0o644)
            if self.rebuild and self._exists() and self._original is None:  # it was no database
                damaged = self.path.with_name(f"{self.path.name}.damaged-{utc_now().replace(':', '')}")
                os.link(self.path, damaged)  # a second name: at no instant is there no database
                for suffix in ("-journal", "-wal", "-shm"):  # they would be rolled back into the new one
                    with contextlib.suppress(FileNotFoundError):
                        Path(f"{self.path}{suffix}").rename(f"{damaged}{suffix}")
            copy.replace(self.path)
            fsync_folder(self.path.parent)

    def _discard(self) -> None:
        self._release_original()
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._copy is not None:
            for suffix in ("", "-journal", "-wal", "-shm"):
                Path(f"{self._copy}{suffix}").unlink(missing_ok=True)
            self._copy = None

    @property
    def _db(self) -> sqlite3.Connection:
        if self._connection is None:
            raise RuntimeError("the target is used outside `with`")
        return self._connection

    def fault(self, most: int = 0) -> str:
        """Return "" for a database that is whole, else what SQLite says of it; one that is not there is whole."""
        if not self._exists() or (most and self.path.stat().st_size > most):
            return ""
        try:
            with contextlib.closing(self._read_only()) as connection:
                verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.OperationalError as error:
            return "" if error.sqlite_errorcode in _BUSY else str(error)
        except sqlite3.DatabaseError as error:
            return str(error)
        return "" if verdict == "ok" else str(verdict)

    def _refuse_unreadable(self) -> None:
        """Refuse another user's file, and a folder. Why: to SQLite they cannot be opened, as if they were damaged."""
        if self.path.is_dir():
            raise TargetRefused("A folder stands in the place of the database", where=str(self.path), safe=_SAFE,
                                next_command="move that folder away, and type the command again")
        if self._exists() and not os.access(self.path, os.R_OK):
            raise TargetRefused("This user may not read the database", where=str(self.path), safe=_SAFE,
                                next_command="the same command as the user who owns that file, or with its rights")

    def _read_only(self) -> sqlite3.Connection:
        self._refuse_unreadable()
        if Path(f"{self.path}-journal").exists():  # a killed writer's, which who may only read cannot roll back
            with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(self.path)) as healed:
                healed.execute("SELECT count(*) FROM sqlite_master").fetchone()
        return sqlite3.connect(f"{self.path.resolve().as_uri()}?mode=ro", uri=True)

    # --- what is written ------------------------------------------------------------------------------------------

    def describe(self, countries: Iterable[Country], version: str) -> None:
        """Write the country dimension: INSERT or UPDATE by iso3."""
        rows = [asdict(country) | {
            "region_version": version, "other_names": json.dumps(country.other_names, ensure_ascii=False)}
            for country in countries]
        with self._named():
            self._db.executemany(_sql.statement("upsert_country"), rows)

    def applied(self, batch_id: str) -> bool:
        """Tell whether the ledger holds the batch."""
        return bool(self.query("applied", {"batch_id": batch_id}))

    def publish(self, batches: Sequence[Batch]) -> Counts:
        """Put batches of one dataset among what is held; see targets/_publish.py."""
        with self._named():
            return publish(self, batches)

    def run(self, name: str, rows: Sequence[Mapping[str, Any] | Sequence[Any]]) -> int:
        """Run a statement once a row; returns how many rows it changed."""
        with self._named():
            if name == "insert_range":  # the one with many rows
                return self._insert(_sql.statement(name), rows)
            return max(self._db.executemany(_sql.statement(name), rows).rowcount, 0)

    def _insert(self, text: str, rows: Sequence[Any]) -> int:
        """Insert many rows a statement, which takes two thirds of the time of one row each."""
        head, values, row = text.partition("VALUES ")
        whole = len(rows) // ROWS_A_STATEMENT * ROWS_A_STATEMENT
        block = head + values + ",".join([row] * ROWS_A_STATEMENT)
        for at in range(0, whole, ROWS_A_STATEMENT):
            self._db.execute(block, list(chain.from_iterable(rows[at:at + ROWS_A_STATEMENT])))
        self._db.executemany(text, rows[whole:])
        return len(rows)

    def held(self, dataset: str, indicators: Collection[str]) -> Iterator[tuple[Series, HeldSeries]]:
        """Yield the series held of these indicators; no cursor stays open between two, so that ranges may change."""
        text, spoken_text = _sql.query("held_series"), _sql.query("held_keys")
        partial = {row["indicator"] for row in self.query("partial", {"dataset": dataset})}
        for row in self.query("series", {"dataset": dataset}):
            indicator, iso3 = row["indicator"], row["iso3"]
            if indicator not in indicators:
                continue
            ranges: dict[str, list[Range]] = {}
            spoken: dict[str, list[str]] = {}
            for year, start, end, *figure in self._db.execute(text, (dataset, indicator, iso3)):
                ranges.setdefault(year, []).append(Range(start, end, (figure[0], figure[1], figure[2])))
            if indicator in partial:
                for year, vintage in self._db.execute(spoken_text, (dataset, indicator, iso3)):
                    spoken.setdefault(year, []).append(vintage)
            yield (indicator, iso3), HeldSeries(ranges, spoken)

    def show(self, picture: Picture) -> None:
        """Replace Countries_by_GDP and the row that says which vintage it is of."""
        with self._named():
            self._db.execute(_sql.statement("delete_picture_rows"))
            self._db.executemany(_sql.statement("insert_picture_row"), picture.rows)
            self._db.execute(_sql.statement("replace_picture"), asdict(picture.vintage) | {
                "channel": picture.channel, "run_id": picture.run_id})

    def keep_picture(self, run_id: str) -> None:
        """Write only which run asked last."""
        with self._named():
            self._db.execute(_sql.statement("ask_again"), {"run_id": run_id})

    def query(self, name: str, parameters: Mapping[str, Any]) -> list[Row]:
        """Run a query on the copy inside `with`, else read-only on the published file; no file, no rows."""
        text = _sql.query(name)
        with self._named():
            if self._connection is not None:
                return _rows(self._connection, text, parameters)
            if not self._exists():
                return []
            with contextlib.closing(self._read_only()) as connection:
                if name != "schema" and _version(connection) < _schema.newest():
                    return []  # a file of the user's own, or of an older schema: load has not been here yet
                return _rows(connection, text, parameters)

    def rows(self, name: str, parameters: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query on the published file, as query() finds it; the file is held until the last."""
        text = _sql.query(name)
        if not self._exists():
            return
        with self._named(), contextlib.closing(self._read_only()) as connection:
            if _version(connection) >= _schema.newest():
                yield from connection.execute(text, dict(parameters))

    def profile(self, name: str, parameters: Mapping[str, Any], *, plan: bool = True) -> Profile:
        """Run a query as query() does, timed, opening the file included; the plan is that of EXPLAIN QUERY PLAN."""
        found = super().profile(name, parameters)
        if not plan or not self._exists():
            return found
        with self._named(), contextlib.closing(self._read_only()) as connection:
            if _version(connection) < _schema.newest():
                return found
            return replace(found, plan=explained(connection, name, parameters))


def _behind(path: Path) -> Path:
    """Return the file behind a link: that one is replaced, and who reads it by its own name has the new state too."""
    return Path(os.path.realpath(path)) if path.is_symlink() and path.is_file() else path


def _path_of(url: str) -> str:
    """Return the file of sqlite:///FILE, which is relative to the workspace unless FILE begins with a slash."""
    path = url.removeprefix("sqlite:///")
    if path == url or not path:
        raise UsageError(f"{url!r} names no file", safe="nothing was changed",
                         next_command=f"--target {Target.addressed}")
    return path


def _opened(path: Path) -> sqlite3.Connection:
    """Open a copy in a transaction; foreign keys are checked once, at its end."""
    connection = sqlite3.connect(path, isolation_level=None)
    # Safe only because nobody sees this copy: journal in memory, no fsync before the one at the end.
    for pragma in ("journal_mode = MEMORY", "synchronous = OFF", "temp_store = MEMORY", "foreign_keys = OFF"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("BEGIN IMMEDIATE")
    return connection


def _view(connection: sqlite3.Connection, name: str) -> str:
    """Return the text that made a view, "" where there is none."""
    row = connection.execute("SELECT sql FROM sqlite_master WHERE type = 'view' AND name = ?", (name,)).fetchone()
    return row[0] if row else ""


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _rows(connection: sqlite3.Connection, text: str, parameters: Mapping[str, Any]) -> list[Row]:
    cursor = connection.execute(text, dict(parameters))
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def explained(connection: sqlite3.Connection, name: str, parameters: Mapping[str, Any]) -> list[str]:
    """Return the plan of sql/queries/NAME.sql, a line a step."""
    return _indented(connection.execute(f"EXPLAIN QUERY PLAN {_sql.query(name)}", dict(parameters)).fetchall())


def _indented(steps: Iterable[tuple[int, int, int, str]]) -> list[str]:
    """Return a plan as lines; steps: number, the number of the step it is part of, nothing, and its words."""
    depth = {0: -1}
    lines = []
    for number, within, _, words in steps:
        depth[number] = depth.get(within, -1) + 1
        lines.append("  " * depth[number] + words)
    return lines
