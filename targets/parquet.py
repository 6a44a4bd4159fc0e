"""A lake: the star as Parquet files in a folder or an object store, with a manifest that says which of them count.

--target parquet:DIR or s3://BUCKET/PREFIX. A load reads the tables into a working copy, a temporary database of SQLite,
changes it as targets/sqlite.py does, and writes the tables that changed as files of new names; the manifest, replaced
last and in one step, makes them count. Readers see the former state or the new one, whole. Of two loads at once the
second is refused, and comes again.

The copy has no name on the disk and goes with the process. What is verified: sha256, size and rows of each file that is
read, sql/checks before anything is written.
"""

from __future__ import annotations

import contextlib
import io
import secrets
import shlex
import sqlite3
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from pipeline.columns import Column, Tables
from pipeline.errors import GateError, TargetError, TargetRefused
from pipeline.secrets import redacted
from targets import BaseTarget, Measures, Profile, Row, _lake_manifest, _parquet, _schema, _sql, sqlite
from targets._lake import MANIFEST, SAFE, Seen, lake_of, measured, scratch
from targets._lake_manifest import File, Manifest
from utils import Workspace, utc_now

KEPT = timedelta(days=1)  # how long files stay that no manifest names, and those of an earlier manifest
YOUNG = timedelta(hours=12)  # a file that no manifest names is taken up to then: no other load removes it meanwhile
CACHE_KIB = 64_000  # of the working copy in memory, before it goes to the disk


class _Damaged(TargetRefused):
    """A file of the lake is not what the manifest says."""


class Target(sqlite.Target):
    """The lake at an address; inside `with`, a working copy whose changed tables are published at the end.

    rebuild: begin with nothing; the files that are there stay for a day. A manifest that cannot be read is kept beside.
    """

    answers = True
    history = True
    addressed = "parquet:DIR, or s3://BUCKET/PREFIX"
    needed = True

    def __init__(self, workspace: Workspace, *, url: str = "", rebuild: bool = False) -> None:
        super().__init__(workspace, rebuild=rebuild)
        self.path = Path(tempfile.gettempdir())  # where a full disk would be met
        self.lake = lake_of(url, workspace.root)
        self.shown = redacted(url)
        self._rebuilding = f"python load.py --rebuild --target {shlex.quote(self.shown)}"
        self._stack = contextlib.ExitStack()
        self._seen, self._before = Seen(), Manifest()
        self._looked: tuple[str, sqlite3.Connection] | None = None  # the mark of a manifest, and its tables
        self._forget = weakref.finalize(self, lambda: None)

    @property
    def where(self) -> str:
        """Where it is, for messages: `path` is that of the working copy."""
        return self.lake.where()

    # --- from files to a working copy, and back -------------------------------------------------------------------

    def __enter__(self) -> Target:
        _parquet.require()
        try:
            self._stack.enter_context(self.lake.alone())
            self._seen = self.lake.manifest()
            self._before = self._mended() if self.rebuild else self._known(self._seen)
            self._connection = self._filled(Manifest() if self.rebuild else self._before)
            with self._named():
                self._migrate()
        except BaseException:
            self._discard()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if kind is None:
                self._verify()
                self._publish(self._written())
        finally:
            self._discard()

    def _discard(self) -> None:
        super()._discard()
        self._stack.close()

    def _known(self, seen: Seen) -> Manifest:
        """Return what a manifest says, nothing where there is none. Raises _Damaged, TargetRefused."""
        if not seen.mark:
            return Manifest()
        try:
            return _lake_manifest.parsed(seen.data, self.lake.where(MANIFEST))
        except ValueError as error:
            raise self._damaged(MANIFEST, f"cannot be read: {error}") from error

    def _mended(self) -> Manifest:
        """Return what the manifest says, or of one that cannot be read nothing; that one is kept beside."""
        try:
            return self._known(self._seen)
        except _Damaged:
            beside = f"manifest.damaged-{utc_now().replace(':', '')}-{secrets.token_hex(4)}.json"
            self.lake.put(beside, io.BytesIO(self._seen.data))
            return Manifest()

    def _damaged(self, name: str, fault: str) -> _Damaged:
        return _Damaged(f"{name} of the lake {fault}", where=self.lake.where(name), next_command=self._rebuilding,
                        safe="nothing was changed; the clean records of all loads are kept in the workspace")

    def _filled(self, known: Manifest) -> sqlite3.Connection:
        """Return a database without a name, of the manifest's schema, with all its tables. Raises _Damaged."""
        connection = sqlite3.connect("", isolation_level=None)
        try:
            with self._named():
                for pragma in ("journal_mode = OFF", "synchronous = OFF", "foreign_keys = OFF",
                               f"cache_size = -{CACHE_KIB}"):
                    connection.execute(f"PRAGMA {pragma}")
                connection.execute("BEGIN")
                for file in _sql.migrations()[:known.schema]:
                    for statement in _sql.statements(file.read_text(encoding="utf-8")):
                        connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {known.schema}")
                tables = {table.name: table for table in _parquet.tables(connection)}
                for name in (*tables, *(set(known.tables) - set(tables))):
                    self._read(connection, known, name, tables.get(name))
        except BaseException:
            connection.close()
            raise
        return connection

    def _read(self, connection: sqlite3.Connection, known: Manifest, name: str, table: _parquet.Table | None) -> None:
        """Verify the file of a table, and insert its rows; a file of no table (a view's) is only verified."""
        if name not in known.tables:
            raise self._damaged(MANIFEST, f"names no file of {name}")
        told = known.tables[name]
        try:
            with self.lake.opened(told.file) as stream:
                size, digest = measured(stream)
                if (size, digest) != (told.bytes, told.sha256):
                    raise ValueError(f"{size:,} bytes of sha256 {digest[:16]}…, and not the {told.bytes:,} of "
                                     f"{told.sha256[:16]}… that the manifest names")
                if table and (rows := _parquet.read(connection, table, stream)) != told.rows:
                    raise ValueError(f"{rows:,} rows, and not the {told.rows:,} that the manifest names")
        except FileNotFoundError as error:
            raise self._damaged(told.file, "is missing") from error
        except (ValueError, OSError, sqlite3.IntegrityError) as error:
            raise self._damaged(told.file, f"is damaged: {error}") from error

    def _verify(self) -> None:
        """Ask what may be wrong after a load. Raises GateError, TargetRefused: nothing is published then."""
        with self._named():
            if broken := self._db.execute("PRAGMA foreign_key_check").fetchone():
                raise TargetRefused(f"The new tables fail their integrity check: {tuple(broken)}", where=self.shown,
                                    safe=SAFE, next_command=self._rebuilding)
            for name, text in _sql.checks().items():
                if found := self._db.execute(text).fetchmany(3):
                    raise GateError(f"The check {name} fails after the load: {'; '.join(map(str, found))}",
                                    where=self.shown, safe=SAFE, next_command=self._rebuilding)

    def _written(self) -> Manifest:
        """Write the tables that changed, and return what is to count. Nobody sees them yet."""
        now, before = utc_now(), self._before.tables
        with self._named():
            tables = {table.name: self._file(table, None if self.rebuild else before.get(table.name))
                      for table in (*_parquet.tables(self._db), *_parquet.VIEWS)}
            batches = {row["batch_id"]: row["times"] for row in self.query("batch_loads", {})}
        replaced = {**dict.fromkeys((each.file for each in before.values()), now), **self._before.left}
        counting = {each.file for each in tables.values()}
        left = {name: at for name, at in replaced.items() if name not in counting and _since(at) < KEPT}
        return Manifest(_schema.newest(), tables, batches, left)

    def _file(self, table: _parquet.Table, before: File | None) -> File:
        """Return the file of a table: the one before where it holds the same, else a new one."""
        with scratch() as stream:
            rows = _parquet.write(self._db, table, stream)
            size, digest = measured(stream)
            if before and before.sha256 == digest:
                return before
            return File(self._put(table.name, digest, stream), size, digest, rows, table.types, table.key)

    def _put(self, table: str, digest: str, stream: IO[bytes]) -> str:
        """Put a file once and return its name; the same one that is there already is taken where it is sure to stay."""
        name = f"{table}-{digest[:16]}.parquet"
        stream.seek(0)
        if not self.lake.put(name, stream) and not self._may_take(name, digest):
            name = f"{table}-{digest[:16]}-{secrets.token_hex(4)}.parquet"
            stream.seek(0)
            self.lake.put(name, stream)
        return name

    def _may_take(self, name: str, digest: str) -> bool:
        """Tell whether a file that is there holds the same, and no other load is about to remove it."""
        try:
            with self.lake.opened(name) as stream:
                same = measured(stream)[1] == digest
        except FileNotFoundError:
            return False
        return same and (name in self._before.files or _age(self.lake.listed().get(name)) < YOUNG)

    def _publish(self, after: Manifest) -> None:
        """Let the new files count, and remove those that have not counted for long; with nothing new, nothing."""
        if after.same_content(self._before):
            return
        self.lake.replace(after.text(), self._seen)
        with contextlib.suppress(TargetError, FileNotFoundError):  # who may not delete has published all the same
            for name, written in self.lake.listed().items():
                if _lake_manifest.FILE.fullmatch(name) and name not in after.files and _age(written) > KEPT:
                    self.lake.remove(name)

    # --- what is asked --------------------------------------------------------------------------------------------

    def fault(self, most: int = 0) -> str:
        """Return "" for a lake whose files are what its manifest says; one that is not there is whole.

        Raises TargetRefused for a lake of another program or a later version, TargetUnreachable.
        """
        self._look_away()
        try:
            seen = self.lake.manifest()
            known = self._known(seen)
            if not most or known.size <= most:
                self._look(seen, known)
        except _Damaged as error:
            return error.what
        return ""

    def query(self, name: str, parameters: Mapping[str, Any]) -> list[Row]:
        """Run a query on the working copy inside `with`, else on what is published; nothing there, no rows."""
        connection = self._connection or self._published(name)
        if connection is None:
            return []
        with self._named():
            return sqlite._rows(connection, _sql.query(name), parameters)

    def rows(self, name: str, parameters: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query one by one, as query() finds them."""
        if connection := self._connection or self._published(name):
            with self._named():
                yield from connection.execute(_sql.query(name), dict(parameters))

    def profile(self, name: str, parameters: Mapping[str, Any], *, plan: bool = True) -> Profile:
        """Run a query as query() does, timed, reading the lake included where that was not read yet."""
        found = BaseTarget.profile(self, name, parameters)
        connection = self._connection or self._published(name)
        if not plan or connection is None:
            return found
        with self._named():
            return replace(found, plan=sqlite.explained(connection, name, parameters))

    def measures(self) -> Measures:
        """Return the size of the files that count; of memory and hits a store of files has nothing to tell."""
        seen = self.lake.manifest()
        return Measures(size=self._known(seen).size) if seen.mark else Measures()

    def columns(self) -> Tables:
        """Return the columns of its files as the manifest has them, which says nothing of nulls."""
        known = self._before if self._connection else self._known(self.lake.manifest())
        if known.schema < _schema.newest():
            return {}
        return {table: [Column(name, kind) for name, kind in file.columns.items()]
                for table, file in known.tables.items()}

    def _published(self, name: str) -> sqlite3.Connection | None:
        """Return the tables as the manifest has them now, None where there is none, or one of an older schema."""
        seen = self.lake.manifest()
        known = self._known(seen)
        if not seen.mark or (name != "schema" and known.schema < _schema.newest()):
            return None
        return self._look(seen, known)

    def _look(self, seen: Seen, known: Manifest) -> sqlite3.Connection:
        """Return a copy of the tables; it is kept while the manifest is the same."""
        if self._looked is None or self._looked[0] != seen.mark:
            _parquet.require()
            self._look_away()
            connection = self._filled(known)
            if known.schema == _schema.newest():
                for name, text in _sql.views().items():
                    connection.execute(f"DROP VIEW IF EXISTS {name}")
                    connection.execute(text)
            self._looked = seen.mark, connection
            self._forget = weakref.finalize(self, connection.close)
        return self._looked[1]

    def _look_away(self) -> None:
        self._looked = None
        self._forget()


def _age(written: datetime | None) -> timedelta:
    """Return how long ago it was; of what is not there, for ever."""
    return datetime.now(UTC) - written if written else timedelta.max


def _since(text: str) -> timedelta:
    return _age(datetime.fromisoformat(text))
