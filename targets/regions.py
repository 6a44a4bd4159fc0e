"""SQLite, a database a region: sqliteDB/regions/*.db, all six published at once.

It has one picture and no history. What the user puts into these databases is gone with the next run; other files in the
folder stay.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from history.model import Vintage
from pipeline.errors import TargetRefused, WorldEconomiesError
from rules.identity import REGIONS, Country
from targets import BaseTarget, Batch, Counts, Measures, Picture, Row, _exchange
from targets._regional import (
    FILES,
    SAFE,
    Column,
    Facts,
    create,
    file_of,
    finish,
    insert,
    is_ours,
    named,
    picture_of,
    queried,
    statement,
)
from utils import Workspace, disk_full_named, utc_now

# What a picture has beside its figures. Forecast: "forecast", "actual", "" where it is not told.
PICTURE_COLUMNS = (Column("Year", "INTEGER"), Column("Forecast", "TEXT", key=False))
_STATUS = {1: "forecast", 0: "actual", None: ""}


def folder_of(workspace: Workspace) -> Path:
    """Return the folder of the six databases."""
    return (workspace.database.parent / "regions").resolve()  # where it is a link, the folder behind it is exchanged


class Target(BaseTarget):
    """The six databases of a workspace; inside `with`, a folder that takes their place at the end."""

    answers = True

    def __init__(self, workspace: Workspace, *, rebuild: bool = False) -> None:
        self.place = folder_of(workspace)
        self.rebuild = rebuild  # they are made anew in any case
        self._building: Path | None = None
        self._countries: list[Country] = []
        self._version = ""

    # --- a folder beside, and its way to the place ----------------------------------------------------------------

    def __enter__(self) -> Target:
        with disk_full_named(self.place):
            if self.place.exists() and not self.place.is_dir():
                raise TargetRefused(f"{self.place.name} is no folder", where=str(self.place), safe=SAFE,
                                    next_command="move that file away, and type the command again")
            _exchange.sweep(self.place)
        return self

    def building(self) -> Path:
        """Return the folder in which the next databases are made: what is in it at the end takes the place."""
        if self._building is None:
            with disk_full_named(self.place):
                self._building = _exchange.begin(self.place)
        return self._building

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        building, self._building = self._building, None
        if building is None:
            return
        try:
            if kind is None:
                self._publish(building)
        finally:
            shutil.rmtree(building, ignore_errors=True)  # gone already where it was published

    def _publish(self, building: Path) -> None:
        missing = sorted(set(FILES) - {path.name for path in building.iterdir()})
        if missing:
            raise RuntimeError(f"{', '.join(missing)} was not made")
        with disk_full_named(self.place):
            self._keep_foreign(building)
            _exchange.carry_over(self.place, building, ours=_made_anew())
            _exchange.publish(building, self.place)

    def _keep_foreign(self, building: Path) -> None:
        """Bring files along that have a name of ours and are not ours, under another name."""
        for name in FILES:
            path = self.place / name
            if path.exists() and not (path.is_file() and is_ours(path)):
                _exchange.link(path, building / f"{name}.foreign-{utc_now().replace(':', '')}")

    # --- what is written ------------------------------------------------------------------------------------------

    def describe(self, countries: Iterable[Country], version: str) -> None:
        """Keep the countries for the databases that are made."""
        self._countries, self._version = list(countries), version

    def applied(self, batch_id: str) -> bool:
        """Return False: there is no ledger."""
        return False

    def publish(self, batches: Sequence[Batch]) -> Counts:
        """Count the figures, and keep none: a picture is no history."""
        return Counts(figures=sum(batch.figures for batch in batches))

    def show(self, picture: Picture) -> None:
        """Make the six databases from the rows of a picture."""
        facts = Facts(picture.vintage, picture.channel, picture.run_id, self._version)
        for region in REGIONS:
            rows = [_row(row) for row in picture.rows if row["Region"] == region]
            path = self.building() / file_of(region)
            create(path, region, PICTURE_COLUMNS, facts, self._countries)
            finish(path, insert(path, sorted(rows, key=lambda row: (-row[1], row[0]))))

    def keep_picture(self, run_id: str) -> None:
        """Write only which run asked last, in copies of the databases; empty ones where there are none."""
        if self._fault_or_none() is not None or not self.place.exists():
            self.show(Picture(Vintage("", ""), "", run_id))
            return
        for name in FILES:
            path = self.building() / name
            with disk_full_named(path), named(path):
                shutil.copyfile(self.place / name, path)
                with contextlib.closing(sqlite3.connect(path)) as db:
                    db.execute(statement("ask_again"), (run_id,))
                    db.commit()

    # --- what is asked --------------------------------------------------------------------------------------------

    def query(self, name: str, parameters: Mapping[str, Any]) -> list[Row]:
        """Answer what is asked of every target's state; of anything else nothing is held.

        Raises CheckpointError, TargetRefused where a database is missing, not ours or of another schema.
        """
        if name not in ("picture_vintage", "loaded") or not self.place.exists():
            return []
        told = self.pictures()
        rows, runs = sum(each["rows"] for each in told), dict.fromkeys(each["run_id"] for each in told)
        if name == "loaded":
            return [{"batches": 1, "figures": rows}]
        return [{name: value for name, value in told[0].items() if name not in ("region", "rows")}
                | {"economies": rows, "run_id": " and ".join(runs)}]

    def pictures(self) -> list[Row]:
        """Return what each database says of itself, in the order of REGIONS."""
        return [queried(self.place / name, picture_of) for name in FILES]

    def fault(self, most: int = 0) -> str:
        """Return "" for six databases that are whole and of one run; those above `most` bytes are not read through."""
        return (self._fault_or_none(most) or "") if self.place.exists() else ""

    def measures(self) -> Measures:
        """Return the size of the six databases; what of it is unused they do not tell together."""
        return Measures(size=sum(path.stat().st_size for name in FILES if (path := self.place / name).is_file()))

    def _fault_or_none(self, most: int = 1) -> str | None:
        """Return what is wrong, None for nothing; without `most` no database is read through."""
        try:
            runs = {told["run_id"] for told in self.pictures()}
            if len(runs) > 1:
                return f"they are of {len(runs)} runs: {', '.join(sorted(runs))}"
            return next(filter(None, (self._verdict(self.place / name, most) for name in FILES)), None)
        except WorldEconomiesError as error:
            return error.what

    @staticmethod
    def _verdict(path: Path, most: int) -> str:
        """Return what is wrong inside a database, "" where nothing is, or where it is too large to be read through."""
        if most and path.stat().st_size > most:
            return ""
        verdict = str(queried(path, lambda db: db.execute("PRAGMA quick_check(1)").fetchone()[0]))
        return "" if verdict == "ok" else f"{path.name}: {verdict}"


def _made_anew() -> set[str]:
    return {f"{name}{suffix}" for name in FILES for suffix in ("", "-journal", "-wal", "-shm")}


def _row(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return a row of a picture in the order of the table's columns."""
    return (row["Country"], row["GDP_USD_billion"], float(row["GDP_as_published"]), row["Year"],
            _STATUS[row["Forecast"]])
