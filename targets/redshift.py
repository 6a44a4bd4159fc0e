"""Redshift: the star of the history in one schema of a warehouse, changed in one transaction a load.

--target 'redshift://USER@HOST:5439/DATABASE?schema=NAME&stage=s3://BUCKET/PREFIX&iam_role=ARN'. Facts that change are
staged under the prefix as Parquet with a manifest, and copied from there; small tables go as INSERTs of many rows.
Redshift holds nobody to a key, so that every load counts: rows copied against the manifest, rows merged against the
keys, and sql/checks before the commit. A load that came through is in the ledger, and is not done again.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from history.merge import HeldSeries, Series
from history.ranges import Range
from pipeline.errors import TargetError, TargetRefused
from pipeline.secrets import redacted
from rules.identity import Country
from targets import Batch, Counts, Profile, Row, _parquet, _schema, _sql
from targets._checks import check
from targets._parquet import REAL, TEXT, WHOLE
from targets._publish import publish
from targets._redshift_address import EXAMPLE, place_of
from targets._redshift_session import AGAIN, DIALECT, Session
from targets._redshift_stage import Spool, Stage, Staged, table
from targets._server import SAFE, ServerTarget
from utils import Workspace, sha256_text, utc_now

ROWS_AT_ONCE = 500  # of one INSERT: it may have 32,767 parameters
# The project's own tables, each behind those it refers to.
TABLES = ("dim_country", "dim_vintage", "dim_scope", "dim_scope_key", "fact_gdp", "etl_batch", "etl_load",
          "countries_by_gdp", "picture", "etl_manifest")
SYSTEM = ("etl_schema", "etl_view", "etl_lock")
_RANGE = (("dataset", TEXT), ("indicator", TEXT), ("iso3", TEXT), ("year", WHOLE), ("from_vintage", TEXT),
          ("to_vintage", TEXT), ("value", REAL), ("value_text", TEXT), ("decimals", WHOLE), ("forecast", WHOLE))
# Statements whose rows are staged, in the order in which they are merged, with their columns as a row has them.
STAGED = {"delete_range": _RANGE[:5], "insert_range": _RANGE, "insert_scope_key": (*_RANGE[:4], ("vintage", TEXT))}
AT_ONCE = ("insert_scope", "insert_picture_row", "upsert_country")  # statements of many small rows


class Target(ServerTarget):
    """A schema of a warehouse; inside `with`, one transaction.

    url: with the password, if there is one. rebuild: begin with empty tables; views and tables of others stay.
    """

    addressed = EXAMPLE

    def __init__(self, workspace: Workspace, *, url: str = "", rebuild: bool = False) -> None:
        self.place = place_of(url)
        self.shown = redacted(url)
        self.rebuild = rebuild
        self._session: Session | None = None
        self._spools: dict[str, Spool] = {}
        self._folder = "other"

    # --- one transaction ------------------------------------------------------------------------------------------

    def __enter__(self) -> Target:
        self.place.require_stage(self.shown)
        _parquet.require()
        self._stage = Stage(self.place.stage, SAFE)
        self._session = Session(self.place, self.shown)
        try:
            self._begin()
            if self.rebuild:
                for name in reversed(TABLES):
                    self._db.execute(f"DELETE FROM {name}")
        except BaseException:
            self._discard()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if kind is None:
                self._flush()
                check(self._few_rows, where=self.shown, safe=SAFE)
                self._db.commit()
                self._refresh()
        finally:
            self._discard()

    @property
    def _db(self) -> Session:
        if self._session is None:
            raise RuntimeError("the target is used outside `with`")
        return self._session

    def _discard(self) -> None:
        for spool in self._spools.values():
            spool.close()
        self._spools.clear()
        if self._session is not None:
            self._session.rollback()
            self._session.close()
            self._session = None

    # --- the schema -----------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Begin the transaction, alone, with the newest schema; a refusal has changed nothing."""
        version = self._version()
        self._db.begin()
        if version < 0:
            self._db.execute(f"CREATE SCHEMA IF NOT EXISTS {self.place.schema}")
            self._db.enter_schema()
            self._db.run(_sql.statement("create_ledger", DIALECT), {})
            version = 0
        else:
            self._db.lock()
            version = int(self._db.ask("schema", {})[0]["version"] or 0)
        for file in _sql.migrations(DIALECT):
            if (number := int(file.name.partition("_")[0])) > version:
                self._db.run(file.read_text(encoding="utf-8"), {})
                self._run("insert_schema", {"version": number, "applied_at": utc_now()})
        made = self._made()
        for name, text in _sql.views(DIALECT).items():
            if made.get(name) != sha256_text(text):
                self._db.execute(_sql.bare(text).replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1))
                self._run("note_view", {"name": name, "sha256": sha256_text(text)})

    def _made(self) -> dict[str, str]:
        """Return the views that loads have made, name -> sha256 of the text."""
        return {row["name"]: row["sha256"] for row in self._ask("views_made", {})}

    def _version(self) -> int:
        """Return which migration the schema is at, -1 where there is none; names are looked for in it then.

        Raises TargetRefused for tables of another program, and for a newer schema.
        """
        schema = {"schema": self.place.schema}
        if not self._db.ask("schemas_there", schema):
            return -1
        there = {row["name"] for row in self._db.ask("tables_there", schema)}
        self._db.enter_schema()
        if not set(SYSTEM) <= there:
            if found := sorted(there & {*TABLES, *SYSTEM}):
                raise TargetRefused(f"It holds tables of another program: {', '.join(found)}", where=self.shown,
                                    safe=SAFE, next_command="another schema: schema=NAME in the address")
            return -1
        version = int(self._db.ask("schema", {})[0]["version"] or 0)
        _schema.refuse_newer(version, _schema.newest(), self.shown, what="The schema of the warehouse", safe=SAFE)
        return version

    def _few_rows(self, text: str, most: int) -> list[Any]:
        return list(self._db.execute(_sql.bare(text)).fetchmany(most))

    def _refresh(self) -> None:
        """Bring the materialized views up to what is committed: a REFRESH is a transaction of its own."""
        try:
            self._db.execute("ANALYZE fact_gdp")  # questions are planned by what is in it now
            there = {row["name"] for row in self._db.ask("materialized_views", {"schema": self.place.schema})}
            made = self._made()
            for name, text in _sql.materialized(DIALECT).items():
                if name in there and made.get(name) == sha256_text(text):
                    self._db.execute(f"REFRESH MATERIALIZED VIEW {name}")
                else:
                    self._db.execute(f"DROP MATERIALIZED VIEW IF EXISTS {name}")
                    self._db.execute(_sql.bare(text))
                    self._run("note_view", {"name": name, "sha256": sha256_text(text)})
        except TargetError as error:
            error.safe = "the figures are loaded; materialized views may be of the load before, and the same command " \
                         "brings them up to date"
            raise

    # --- what is written ------------------------------------------------------------------------------------------

    def describe(self, countries: Iterable[Country], version: str) -> None:
        """Write the country dimension where it differs: all of it, with what only the table has."""
        held = {row["iso3"]: row for row in self._ask("countries_held", {})}
        told = {country.iso3: asdict(country) | {
            "region_version": version, "other_names": json.dumps(country.other_names, ensure_ascii=False)}
            for country in countries}
        if any(held.get(iso3) != row for iso3, row in told.items()):
            self.run("delete_countries", [{}])
            self.run("upsert_country", list((held | told).values()))

    def publish(self, batches: Sequence[Batch]) -> Counts:
        """Put batches of one dataset among what is held; see targets/_publish.py."""
        self._folder = folder_of(batches)
        counts = publish(self, batches)
        self._flush()
        return counts

    def run(self, name: str, rows: Sequence[Mapping[str, Any] | Sequence[Any]]) -> int:
        """Run a statement once a row; returns how many rows it wrote. Facts wait for _flush()."""
        if name in STAGED and rows:
            if name not in self._spools:
                self._spools[name] = Spool(table(name, STAGED[name]))
            self._spools[name].add(rows)  # type: ignore[arg-type]
            return len(rows)
        self._flush()
        if name in AT_ONCE:
            for at in range(0, len(rows), ROWS_AT_ONCE):
                text, values = _sql.many(_sql.statement(name, DIALECT), rows[at:at + ROWS_AT_ONCE])  # type: ignore[arg-type]
                self._db.execute(*_sql.numbered(text, values))
            return len(rows)
        written = [self._run(name, row) for row in rows]  # type: ignore[arg-type]
        return sum(written)

    def _run(self, name: str, row: Mapping[str, Any]) -> int:
        return self._db.run(_sql.statement(name, DIALECT), row)

    def _flush(self) -> None:
        """Stage what waits, copy it, merge it, and note it: one COPY a table."""
        for name in STAGED:
            if name in self._spools:
                spool = self._spools.pop(name)
                with contextlib.closing(spool):
                    staged = self._stage.put(self._folder, spool)
                self._db.run(_sql.statement(f"stage_{name}", DIALECT), {})
                self._copy(staged)
                self._merge(staged)
                self._run("insert_manifest", {"manifest": staged.manifest, "staged": name, "sha256": staged.sha256,
                                              "bytes": staged.bytes, "row_count": staged.rows, "loaded_at": utc_now()})

    def _copy(self, staged: Staged) -> None:
        """Copy a file into its stage. Raises TargetRefused with file, line, column and reason where they are told."""
        role = "default" if self.place.role == "default" else f"'{self.place.role}'"
        text = _sql.bare(_sql.statement("copy", DIALECT)).format(
            stage=f"stage_{staged.name}", manifest=staged.manifest, role=role)
        try:
            self._db.execute(text)
        except TargetRefused as error:
            self._db.rollback()
            if told := self._load_error():
                raise TargetRefused(f"COPY fails at line {told['line']} of {told['file']}, column {told['field']}: "
                                    f"{redacted(str(told['reason']))}", where=staged.manifest, safe=SAFE,
                                    next_command=AGAIN) from error
            raise TargetRefused(f"COPY fails. {error.what}", where=staged.manifest, safe=SAFE,
                                next_command=AGAIN) from error

    def _load_error(self) -> Row | None:
        for name in ("load_error", "load_error_stl"):
            with contextlib.suppress(TargetError):
                if rows := self._db.ask(name, {}):
                    return rows[0]
        return None

    def _merge(self, staged: Staged) -> None:
        """Merge a stage and count: rows of the manifest, of the copy and of the table. Raises TargetRefused."""
        counted = self._ask(f"copied_{staged.name}", {})[0]
        if counted["copied"] != staged.rows or counted["different"] != counted["keys"]:
            raise TargetRefused(f"COPY brought {counted['copied']:,} rows of {staged.rows:,} in the manifest, with "
                                f"{counted['different']:,} different ones of {counted['keys']:,} keys",
                                where=staged.manifest, safe=SAFE, next_command=AGAIN)
        self._run(f"merge_{staged.name}", {})
        found = self._ask(f"merged_{staged.name}", {})[0]["found"]
        expected = 0 if staged.name.startswith("delete_") else counted["keys"]
        if found != expected:
            raise TargetRefused(f"The merge of {staged.name} leaves {found:,} rows where {expected:,} are right",
                                where=staged.manifest, safe=SAFE, next_command="python load.py --rebuild")

    def held(self, dataset: str, indicators: Collection[str]) -> Iterator[tuple[Series, HeldSeries]]:
        """Yield the series held of these indicators, the ranges of one indicator in memory at once."""
        for indicator in sorted(indicators):
            asked = {"dataset": dataset, "indicator": indicator}
            spoken: dict[str, list[Row]] = {}
            for row in self._ask("held_keys_all", asked):
                spoken.setdefault(row["iso3"], []).append(row)
            for iso3, rows in groupby(self._ask("held_all", asked), lambda row: str(row["iso3"])):
                yield (indicator, iso3), _series(rows, spoken.get(iso3, ()))

    # --- what is asked --------------------------------------------------------------------------------------------

    def query(self, name: str, parameters: Mapping[str, Any]) -> list[Row]:
        """Run a query in the transaction inside `with`, else on what is published; no schema of ours, no rows."""
        with self._reading(name) as session:
            return session.ask(name, parameters) if session else []

    def rows(self, name: str, parameters: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query: its driver brings them all at once."""
        with self._reading(name) as session:
            if session:
                yield from map(tuple, session.execute(*_sql.numbered(_sql.query(name, DIALECT), parameters)).fetchall())

    def profile(self, name: str, parameters: Mapping[str, Any], *, plan: bool = True) -> Profile:
        """Run a query as query() does, timed without connecting; with `plan` Redshift says how it would go about it."""
        with self._reading(name) as session:
            if session is None:
                return Profile([], 0.0)
            begun = time.perf_counter()
            rows = session.ask(name, parameters)
            seconds = time.perf_counter() - begun
            text, values = _sql.numbered(_sql.query(name, DIALECT), parameters)
            told = session.execute(f"EXPLAIN {text}", values).fetchall() if plan else ()
            return Profile(rows, seconds, [str(row[0]) for row in told])

    def _ask(self, name: str, parameters: Mapping[str, Any]) -> list[Row]:
        return self._db.ask(name, parameters)

    @contextlib.contextmanager
    def _reading(self, name: str) -> Iterator[Session | None]:
        """Yield the session of `with`, else one of its own; None where the schema is not ours, or older."""
        if self._session is not None:
            self._flush()
            yield self._session
            return
        self._session = Session(self.place, self.shown)
        try:
            version = self._version_to_read()
            session, self._session = self._session, None
            with contextlib.closing(session):
                yield session if version >= (0 if name == "schema" else _schema.newest()) else None
        finally:
            self._discard()

    def _version_to_read(self) -> int:
        try:
            return self._version()
        except TargetRefused as error:
            if "another program" in error.what:
                return -1
            raise


def folder_of(batches: Sequence[Batch]) -> str:
    """Return where files of these batches are staged: by dataset and vintages, to be found, and by what they are."""
    first, last = batches[0].vintage, batches[-1].vintage
    slug = first.slug if first == last else f"{first.slug}_to_{last.slug}"
    digest = sha256_text("\n".join(batch.batch_id for batch in batches))[:16]
    return f"{re.sub(r'[^A-Za-z0-9_.-]', '_', f'{first.dataset}.{slug}')}/{digest}"


def _series(ranges: Iterable[Row], spoken: Iterable[Row]) -> HeldSeries:
    found: dict[str, list[Range]] = {}
    for row in ranges:
        figure = (row["value_text"], row["decimals_text"], row["forecast_text"])
        found.setdefault(row["year_text"], []).append(Range(row["from_vintage"], row["to_vintage"], figure))
    words: dict[str, list[str]] = {}
    for row in spoken:
        words.setdefault(row["year_text"], []).append(row["vintage"])
    return HeldSeries(found, words)
