"""PostgreSQL: the star of the history in one schema of a database, changed in one transaction a load.

--target postgresql://USER@HOST/DATABASE?schema=NAME; without schema= it is world_economies. What is new is copied into
stages (binary COPY into temporary tables), freed of repeats, merged and counted, with the ledger in the same
transaction: readers see the former state or the new one. A connection that is cut leaves the former.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import count, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from history.merge import HeldSeries, Series
from history.ranges import Range
from pipeline.errors import TargetRefused, TargetUnreachable, UsageError
from pipeline.secrets import redacted
from rules.identity import Country
from targets import Batch, Counts, Profile, Row, _sql
from targets._checks import check
from targets._postgresql_address import ADDRESSED, parted, refuse_unreadable
from targets._publish import publish
from targets._refusals import is_refusal, said, with_help
from targets._schema import refuse_altered, refuse_foreign, refuse_newer
from targets._server import ServerTarget
from utils import Workspace, sha256_text, utc_now

if TYPE_CHECKING:
    import psycopg

DIALECT = "postgresql"
CONNECT_WITHIN = 10  # seconds
WAIT_FOR_LOCK = "5s"  # for another load, and of readers for a table that somebody alters
WORK_MEMORY = "64MB"  # for a sort or a hash table of the server's
LOCK = 0x57_45  # of one load at a time, with the schema's name
_SAFE = "the database is as it was"
_BLANK, _ESCAPED = re.compile(r"[\s\\]"), r"\\\g<0>"  # in the server's options, which blanks part
_NUMBERS = count()  # of cursors of the server: their names differ
# The project's own tables, each behind those it refers to.
TABLES = ("dim_country", "dim_vintage", "dim_scope", "dim_scope_key", "fact_gdp", "etl_batch", "etl_load",
          "countries_by_gdp", "picture")

# Statements of many rows, in the order in which their stages are merged, and the columns of each stage, texts all.
STAGED: Mapping[str, Sequence[str]] = {
    "delete_range": ("dataset", "indicator", "iso3", "year", "from_vintage"),
    "insert_scope_key": ("dataset", "indicator", "iso3", "year", "vintage"),
}
# Ranges are copied into their table itself, whose key refuses what is there twice: by a stage it takes twice the time.
COPY_RANGES = ("COPY fact_gdp (dataset, indicator, iso3, year, from_vintage, to_vintage, value, value_text, decimals, "
               "forecast) FROM STDIN (FORMAT BINARY)")
# Family of a column -> its types: COPY writes the bits of a figure into a bigint, too; a real or a char(8) alters it.
TYPES = {"text": ("text", "character varying"), "integer": ("integer",), "number": ("double precision",)}
RANGE_TYPES = ("text", "text", "text", "int4", "text", "text", "float8", "text", "int4", "int4")


class Target(ServerTarget):
    """A schema of a PostgreSQL database; inside `with`, one transaction.

    url: with the password, if there is one. rebuild: begin with empty tables; views and tables of others stay.
    """

    addressed = ADDRESSED

    def __init__(self, workspace: Workspace, *, url: str = "", rebuild: bool = False) -> None:
        self.url, self.schema = parted(url)
        self.shown = redacted(url)
        self.rebuild = rebuild
        self._connection: psycopg.Connection[Any] | None = None
        self._staged: dict[str, int] = {}  # rows that wait in the stage of a statement

    # --- one transaction ------------------------------------------------------------------------------------------

    def __enter__(self) -> Target:
        self._connection = self._connect()
        try:
            with self._named():
                self._alone()
                self._db.execute(f"SET LOCAL work_mem = '{WORK_MEMORY}'")
                self._db.execute("SET LOCAL jit = off")  # compiling takes longer than these queries
                self._migrate()
                if self.rebuild:
                    for table in reversed(TABLES):
                        self._db.execute(f"DELETE FROM {table}")
        except BaseException:
            self._discard()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if kind is None:
                with self._named():
                    self._merge()
                    self._db.execute("ANALYZE fact_gdp")  # what follows is planned by what is in it now
                    check(self._few_rows, where=self.shown, safe=_SAFE)
                    for name in _sql.materialized(DIALECT):
                        self._refresh(name)
                    self._db.commit()
        finally:
            self._discard()

    def _connect(self, *, read_only: bool = False) -> psycopg.Connection[Any]:
        """Return a connection whose search path is the schema. Raises TargetUnreachable, TargetRefused, UsageError."""
        try:
            import psycopg
        except ImportError:
            raise UsageError("--target postgresql:// needs psycopg, which is not installed", safe="nothing was changed",
                             next_command="python -m pip install -c constraints.txt '.[warehouse]'") from None
        refuse_unreadable(self.url)
        asked = str(psycopg.conninfo.conninfo_to_dict(self.url).get("options") or "")
        with self._named():
            connection = psycopg.connect(
                self.url, cursor_factory=psycopg.ClientCursor, connect_timeout=CONNECT_WITHIN,
                application_name="world-economies", client_encoding="UTF8",
                options=f"{asked} -c search_path={_BLANK.sub(_ESCAPED, _quoted(self.schema))},pg_temp -c timezone=UTC"
                        f"{f' -c lock_timeout={WAIT_FOR_LOCK}' if read_only else ''}".lstrip())
            connection.read_only = read_only
            if not read_only:  # one that waited for another load must see what that has written
                connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        return connection

    @property
    def _db(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            raise RuntimeError("the target is used outside `with`")
        return self._connection

    def _discard(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(Exception):
                self._connection.rollback()
            self._connection.close()
            self._connection = None
            self._staged.clear()

    def _alone(self) -> None:
        """Let one load at a time write into the schema, until the transaction ends."""
        self._db.execute(f"SET LOCAL lock_timeout = '{WAIT_FOR_LOCK}'")
        self._db.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (LOCK, self.schema))
        self._db.execute("SET LOCAL lock_timeout = 0")

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Turn what PostgreSQL refuses into a sentence for a person."""
        import psycopg

        try:
            yield
        except psycopg.errors.LockNotAvailable as error:
            raise TargetUnreachable("Another program is writing in the database", where=self.shown,
                                    safe=_SAFE) from error
        except psycopg.Error as error:
            if isinstance(error, psycopg.OperationalError) and not is_refusal(error):
                raise TargetUnreachable(f"The database does not answer: {said(error)}", where=self.shown,
                                        safe=_SAFE) from error
            raise TargetRefused(f"PostgreSQL refuses: {with_help(said(error))}", where=self.shown,
                                safe=_SAFE) from error

    # --- the schema -----------------------------------------------------------------------------------------------

    def _migrate(self) -> None:
        """Create the schema, or apply the migrations it has not seen."""
        if not self._value("SELECT to_regnamespace(%s) IS NOT NULL", (_quoted(self.schema),)):
            self._db.execute(f"CREATE SCHEMA {_quoted(self.schema)}")
        version, files = self._version(), _sql.migrations(DIALECT)
        if version < 0:
            refuse_foreign(self.columns(), where=self.shown, safe=_SAFE, next_command="another schema: ?schema=NAME")
            self._db.execute("CREATE TABLE etl_schema (version integer NOT NULL, applied_at text NOT NULL)")
            version = 0
        refuse_newer(version, _number(files[-1]), self.shown, safe=_SAFE)
        for file in files:
            if (number := _number(file)) <= version:
                continue
            for statement in _sql.statements(file.read_text(encoding="utf-8")):
                self._db.execute(statement)
            self._db.execute("INSERT INTO etl_schema VALUES (%s, %s)", (number, utc_now()))
        refuse_altered(self.columns(), types=TYPES, where=self.shown, safe=_SAFE,
                       next_command="ALTER TABLE, so that they are as they were; or another schema: ?schema=NAME")
        for name, text in _sql.views().items():
            self._view("VIEW", name, text.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1))
        for name, text in _sql.materialized(DIALECT).items():
            self._view("MATERIALIZED VIEW", name, f"DROP MATERIALIZED VIEW IF EXISTS {name};\n{text}")

    def _view(self, kind: str, name: str, text: str) -> None:
        """Make a view, but not again: its readers would wait until the end of the load."""
        version = sha256_text(text)[:16]
        if self._value("SELECT obj_description(to_regclass(%s))", (f"{_quoted(self.schema)}.{name}",)) != version:
            self._db.execute(text)
            self._db.execute(f"COMMENT ON {kind} {name} IS '{version}'")

    def _version(self) -> int:
        """Return which migration the schema is at, -1 where it is none of ours."""
        if not self._value("SELECT to_regclass(%s) IS NOT NULL", (f"{_quoted(self.schema)}.etl_schema",)):
            return -1
        return int(self._value("SELECT coalesce(max(version), 0) FROM etl_schema"))

    def _value(self, text: str, parameters: Sequence[Any] = ()) -> Any:
        row = self._db.execute(text, parameters).fetchone()
        return row[0] if row else None

    def _refresh(self, name: str) -> None:
        """Make a materialized view anew; its readers go on with the former rows until the commit, if there are any."""
        filled = self._value(f"SELECT EXISTS (SELECT 1 FROM {name})")
        self._db.execute(f"REFRESH MATERIALIZED VIEW {'CONCURRENTLY ' if filled else ''}{name}")

    def _few_rows(self, text: str, most: int) -> list[tuple[Any, ...]]:
        return self._db.execute(_sql.pyformat(text)).fetchmany(most)

    # --- what is written ------------------------------------------------------------------------------------------

    def describe(self, countries: Iterable[Country], version: str) -> None:
        """Write the country dimension: INSERT or UPDATE by iso3."""
        self.run("upsert_country", [asdict(country) | {
            "region_version": version, "other_names": json.dumps(country.other_names, ensure_ascii=False)}
            for country in countries])

    def publish(self, batches: Sequence[Batch]) -> Counts:
        """Put batches of one dataset among what is held; see targets/_publish.py."""
        with self._named():
            return publish(self, batches)

    def run(self, name: str, rows: Sequence[Mapping[str, Any] | Sequence[Any]]) -> int:
        """Run a statement once a row; returns how many rows it changed. Many rows go by a stage, merged in one."""
        if not rows:
            return 0
        with self._named():
            if name in STAGED:
                return self._stage(name, rows)
            self._merge()
            if name == "insert_range":
                return self._copy_ranges(rows)
            with self._db.cursor() as cursor:
                cursor.executemany(_sql.pyformat(_sql.statement(name, DIALECT)), rows)
                return max(cursor.rowcount, 0)

    def _copy_ranges(self, rows: Sequence[Any]) -> int:
        """Copy ranges, rows of texts, into their table; returns how many."""
        with self._db.cursor() as cursor:
            with cursor.copy(COPY_RANGES) as copy:
                copy.set_types(RANGE_TYPES)
                write = copy.write_row
                for dataset, indicator, iso3, year, start, end, value, text, decimals, forecast in rows:
                    write((dataset, indicator, iso3, int(year), start, end, float(value), text, int(decimals),
                           None if forecast is None else int(forecast)))
            return cursor.rowcount

    def _stage(self, name: str, rows: Sequence[Any]) -> int:
        """Copy rows of texts into the stage of a statement; returns how many."""
        columns = STAGED[name]
        if name not in self._staged:
            self._db.execute(f"CREATE TEMPORARY TABLE stage_{name} ({', '.join(f'{each} text' for each in columns)}) "
                             "ON COMMIT DROP")
        self._staged[name] = self._staged.get(name, 0) + len(rows)
        with (self._db.cursor() as cursor,
              cursor.copy(f"COPY pg_temp.stage_{name} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)") as copy):
            copy.set_types(["text"] * len(columns))
            for row in rows:
                copy.write_row(row)
        return len(rows)

    def _merge(self) -> None:
        """Merge what waits in stages. Raises TargetRefused where a range that is to go is not there."""
        for name in STAGED:
            staged = self._staged.pop(name, 0)
            if not staged:
                continue
            changed = self._db.execute(_sql.statement(f"merge_{name}", DIALECT)).rowcount
            self._db.execute(f"DROP TABLE pg_temp.stage_{name}")
            if name == "delete_range" and changed != staged:
                raise TargetRefused(f"Of {staged:,} ranges that were held, {staged - changed:,} are gone: another "
                                    "program writes in these tables", where=self.shown, safe=_SAFE,
                                    next_command="python load.py --rebuild")

    def held(self, dataset: str, indicators: Collection[str]) -> Iterator[tuple[Series, HeldSeries]]:
        """Yield the series held of these indicators, as they were when it was asked: a cursor of the server."""
        ranges = self._streamed("held_all", dataset, indicators)
        spoken = self._streamed("held_keys_all", dataset, indicators)
        keys = {series: list(rows) for series, rows in groupby(spoken, lambda row: (row[0], row[1]))}
        for series, rows in groupby(ranges, lambda row: (row[0], row[1])):
            found: dict[str, list[Range]] = {}
            for _, _, year, start, end, *figure in rows:
                found.setdefault(year, []).append(Range(start, end, (figure[0], figure[1], figure[2])))
            words: dict[str, list[str]] = {}
            for _, _, year, vintage in keys.pop(series, ()):
                words.setdefault(year, []).append(vintage)
            yield series, HeldSeries(found, words)

    def _streamed(self, name: str, dataset: str, indicators: Collection[str]) -> Iterator[tuple[Any, ...]]:
        import psycopg

        self._merge()
        text = _sql.pyformat(_sql.query(name, DIALECT))
        with psycopg.ServerCursor(self._db, f"held_{name}_{next(_NUMBERS)}") as cursor:
            cursor.itersize = 20_000
            cursor.execute(text, {"dataset": dataset, "indicators": sorted(indicators)})
            yield from cursor

    # --- what is asked --------------------------------------------------------------------------------------------

    def query(self, name: str, parameters: Mapping[str, Any]) -> list[Row]:
        """Run a query in the transaction inside `with`, else on what is published; no schema of ours, no rows."""
        with self._reading(name) as connection, self._named():
            if connection is None:
                return []
            self._merge()
            cursor = connection.execute(_sql.pyformat(_sql.query(name, DIALECT)), _bound(parameters))
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def rows(self, name: str, parameters: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query one by one, as query() finds it, from a cursor of the server."""
        import psycopg

        with self._reading(name) as connection, self._named():
            if connection is not None:
                text = psycopg.ClientCursor(connection).mogrify(_sql.pyformat(_sql.query(name, DIALECT)),
                                                                _bound(parameters))
                with psycopg.ServerCursor(connection, "rows") as cursor:
                    yield from cursor.execute(text)

    def profile(self, name: str, parameters: Mapping[str, Any], *, plan: bool = True) -> Profile:
        """Run a query as query() does, timed without connecting, and with `plan` again, explained with its buffers."""
        text = _sql.pyformat(_sql.query(name, DIALECT))
        with self._reading(name) as connection, self._named():
            if connection is None:
                return Profile([], 0.0)
            begun = time.perf_counter()
            cursor = connection.execute(text, _bound(parameters))
            names = [column.name for column in cursor.description or ()]
            rows = [dict(zip(names, row, strict=True)) for row in cursor]
            seconds = time.perf_counter() - begun
            told = connection.execute(f"EXPLAIN (ANALYZE, BUFFERS) {text}", _bound(parameters)) if plan else ()
            return Profile(rows, seconds, [str(row[0]) for row in told])

    @contextlib.contextmanager
    def _reading(self, name: str) -> Iterator[psycopg.Connection[Any] | None]:
        """Yield the connection of `with`, else one of its own that only reads; None where the schema is not ours."""
        if self._connection is not None:
            yield self._connection
            return
        self._connection = self._connect(read_only=True)
        try:
            with self._named():
                version, newest = self._version(), _number(_sql.migrations(DIALECT)[-1])
                known = version >= newest or (name == "schema" and version >= 0)
            connection, self._connection = self._connection, None
            with contextlib.closing(connection):
                yield connection if known else None
        finally:
            if self._connection is not None:
                self._discard()


def _bound(parameters: Mapping[str, Any]) -> Row:
    """Return parameters as queries compare them: yes and no are 1 and 0 there, as SQLite makes of them itself."""
    return {name: int(value) if isinstance(value, bool) else value for name, value in parameters.items()}


def _number(file: Path) -> int:
    """Return the version of the schema after a migration: the same star has the same number in every dialect."""
    return int(file.name.partition("_")[0])


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
