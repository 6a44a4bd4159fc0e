"""SQLite: sqliteDB/World_Economies.db, published whole: copied, changed beside, checked, renamed.

No reader ever sees half of a load, and a failure leaves the database as it was. Tables and views of the user's own in
the file survive every load, since a load changes a copy of it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from history.model import Vintage
from pipeline.errors import TargetRefused
from rules.identity import Country
from targets import BaseTarget, Batch, Counts, Picture, Row
from utils import PROJECT, Workspace, disk_full_named, fsync_folder, utc_now

SQL = PROJECT / "sql"


class Target(BaseTarget):
    """The database of a workspace; inside `with`, a copy that takes its place at the end."""

    def __init__(self, workspace: Workspace) -> None:
        self.path = workspace.database
        self._copy: Path | None = None
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> Target:
        with disk_full_named(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=".World_Economies-", suffix=".tmp")
            os.close(descriptor)
            self._copy = Path(name)
            if self.path.exists():
                shutil.copyfile(self.path, self._copy)
        self._connection = self._open(self._copy)
        try:
            self._migrate()
        except BaseException:
            self._discard()
            raise
        return self

    def _open(self, path: Path) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(path, isolation_level=None)
            # Safe only because nobody sees this copy: journal in memory, no fsync before the one at the end.
            for pragma in ("journal_mode = MEMORY", "synchronous = OFF", "foreign_keys = ON", "temp_store = MEMORY"):
                connection.execute(f"PRAGMA {pragma}")
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            self._discard()
            raise TargetRefused(f"The database cannot be used: {error}", where=str(self.path),
                                safe="the database is as it was", next_command="python load.py --rebuild") from error
        return connection

    def _migrate(self) -> None:
        """Apply, in the same transaction, the migrations the database has not seen."""
        db = self._db
        try:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            files = sorted((SQL / "migrations").glob("[0-9]*.sql"))
            newest = int(files[-1].name.split("_")[0])
            if version > newest:
                raise TargetRefused(f"The database has schema {version}, this program knows {newest}",
                                    where=str(self.path), safe="the database is as it was",
                                    next_command="update World Economies, or choose another --workspace")
            for file in files[version:]:
                for statement in statements(file.read_text(encoding="utf-8")):
                    db.execute(statement)
            db.execute(f"PRAGMA user_version = {newest}")
        except sqlite3.Error as error:
            raise self._refused(error) from error

    @property
    def _db(self) -> sqlite3.Connection:
        if self._connection is None:
            raise TargetRefused("The target is not open")
        return self._connection

    def _refused(self, error: sqlite3.Error) -> TargetRefused:
        return TargetRefused(f"SQLite refuses: {error}", where=str(self.path), safe="the database is as it was",
                             next_command="python load.py --rebuild")

    def describe(self, countries: Iterable[Country], version: str) -> None:
        """Write the country dimension: INSERT or UPDATE by iso3."""
        self._db.executemany(
            "INSERT INTO dim_country VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (iso3) DO UPDATE SET iso2 = excluded.iso2, "
            "name = excluded.name, region = excluded.region, subregion = excluded.subregion, "
            "region_version = excluded.region_version",
            ((c.iso3, c.iso2, c.name, c.region, c.subregion, version) for c in countries))

    def applied(self, batch_id: str) -> bool:
        """Tell whether the ledger holds the batch."""
        found = self._db.execute("SELECT 1 FROM etl_batch WHERE batch_id = ?", (batch_id,)).fetchone()
        return found is not None

    def publish(self, batch: Batch, batch_id: str) -> Counts:
        """Write a batch, its ledger row and its witness; the figures only of the newest vintage of a dataset."""
        counts = Counts()
        try:
            if not self.applied(batch_id):
                newest = self._is_newest(batch.vintage)
                self._ledger(batch, batch_id)
                if newest:
                    counts.figures = self._figures(batch)
            counts.witnesses = self._witness(batch, batch_id)
        except sqlite3.Error as error:
            raise self._refused(error) from error
        return counts

    def _is_newest(self, vintage: Vintage) -> bool:
        rows = self._db.execute("SELECT label, published, updated FROM dim_vintage WHERE dataset = ?",
                                (vintage.dataset,))
        orders = [Vintage(vintage.dataset, label, published, updated).order for label, published, updated in rows]
        return not orders or vintage.order >= max(orders)

    def _ledger(self, batch: Batch, batch_id: str) -> None:
        v = batch.vintage
        self._db.execute("INSERT INTO dim_vintage VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                         (v.dataset, v.label, v.updated, v.published, v.dating))
        self._db.execute("INSERT INTO etl_batch VALUES (?, ?, ?, ?, ?, ?)",
                         (batch_id, v.dataset, v.label, v.updated, batch.digest, batch.figures))

    def _figures(self, batch: Batch) -> int:
        dataset = batch.vintage.dataset
        self._db.execute("DELETE FROM figure_newest WHERE dataset = ?", (dataset,))
        cursor = self._db.executemany(
            "INSERT INTO figure_newest VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            ((dataset, r.indicator, r.iso3, r.year, float(r.value_text), r.value_text, r.decimals, r.forecast)
             for r in batch.rows))
        return cursor.rowcount

    def _witness(self, batch: Batch, batch_id: str) -> int:
        w = batch.witness
        cursor = self._db.execute(
            "INSERT INTO etl_load VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (batch.run_id, batch_id, w.channel, w.archive_id, w.sha256, w.url, w.fetched_at, utc_now(),
             ",".join(batch.accepted)))
        return max(cursor.rowcount, 0)

    def show(self, picture: Picture) -> None:
        """Replace Countries_by_GDP and the row that says which vintage it is of."""
        columns = ("Country", "GDP_USD_billion", "GDP_as_published", "Region", "Subregion", "ISO3", "Year", "Forecast",
                   "Dataset", "Vintage", "Extracted_At")
        places = ", ".join(f":{name}" for name in columns)
        v = picture.vintage
        try:
            self._db.execute("DELETE FROM Countries_by_GDP")
            self._db.executemany(f"INSERT INTO Countries_by_GDP ({', '.join(columns)}) VALUES ({places})", picture.rows)
            self._db.execute("INSERT OR REPLACE INTO picture VALUES (1, ?, ?, ?, ?, ?)",
                             (v.dataset, v.label, v.updated, picture.channel, picture.run_id))
        except sqlite3.Error as error:
            raise self._refused(error) from error

    def query(self, name: str, parameters: Mapping[str, Any]) -> list[Row]:
        """Run a query on the copy inside `with`, else read-only on the published file; no file, no rows."""
        text = (SQL / "queries" / f"{name}.sql").read_text(encoding="utf-8")
        if self._connection is not None:
            return _rows(self._connection, text, parameters)
        if not self.path.exists():
            return []
        try:
            with contextlib.closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True)) as connection:
                return _rows(connection, text, parameters)
        except sqlite3.Error as error:
            raise self._refused(error) from error

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is not None or self._copy is None:
            self._discard()
            return
        try:
            self._publish_file(self._copy)
        except BaseException:
            self._discard()
            raise

    def _publish_file(self, copy: Path) -> None:
        db = self._db
        try:
            broken = db.execute("PRAGMA foreign_key_check").fetchone()
            db.execute("COMMIT")
            verdict = db.execute("PRAGMA quick_check").fetchone()[0]
            db.execute("PRAGMA optimize")
            db.close()
        except sqlite3.Error as error:
            raise self._refused(error) from error
        self._connection = None
        if broken or verdict != "ok":
            raise TargetRefused(f"The new database fails its integrity check: {broken or verdict}",
                                where=str(self.path), safe="the database is as it was")
        with disk_full_named(self.path):
            with copy.open("rb+") as stream:
                os.fsync(stream.fileno())
            copy.chmod(0o644)
            copy.replace(self.path)
            fsync_folder(self.path.parent)
        self._copy = None

    def _discard(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._copy is not None:
            for suffix in ("", "-journal", "-wal", "-shm"):
                with contextlib.suppress(FileNotFoundError):
                    Path(f"{self._copy}{suffix}").unlink()
            self._copy = None


def statements(text: str) -> list[str]:
    """Split a file of SQL into its statements."""
    found, pending = [], ""
    for line in text.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            found.append(pending)
            pending = ""
    if pending.strip():
        found.append(pending)
    return found


def _rows(connection: sqlite3.Connection, text: str, parameters: Mapping[str, Any]) -> list[Row]:
    cursor = connection.execute(text, dict(parameters))
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]
