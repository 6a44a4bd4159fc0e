"""Databases of the regions made by hand, for the tests of their target and of report."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from history.model import GIVEN, Vintage
from pipeline.countries import load_identity
from rules.identity import REGIONS
from targets import Picture
from targets._regional import Column, Facts, create, file_of, finish, insert
from targets.regions import Target, folder_of
from utils import Workspace

VINTAGE = Vintage("table:big", "2026-04", "2026-04-01", dating=GIVEN)
COLUMNS = (Column("Year", "INTEGER"), Column("record", "INTEGER"), Column("Note", "TEXT", key=False))
Rows = Sequence[tuple[Any, ...]]


def row(iso3: str, gdp: float, year: int = 2025) -> dict[str, Any]:
    """Return a row of a picture."""
    country = load_identity().country(iso3)
    return {"Country": country.name, "GDP_USD_billion": round(gdp, 2), "GDP_as_published": str(gdp),
            "Region": country.region, "Subregion": country.subregion, "ISO3": iso3, "Year": year, "Forecast": 0,
            "Dataset": "table:big", "Vintage": "2026-04", "Extracted_At": "2026-04-02T00:00:00Z"}


def show(workspace: Workspace, run_id: str, gdp: float) -> None:
    """Publish a picture of two economies: Germany has this GDP, and Japan half of it."""
    identity = load_identity()
    with Target(workspace) as target:
        target.describe(identity.countries(), identity.version)
        target.show(Picture(VINTAGE, "table", run_id, [row("DEU", gdp), row("JPN", gdp / 2)]))


def made(root: Path, rows: Mapping[str, Rows], *, run_id: str = "r1", columns: Sequence[Column] = COLUMNS,
         decimals: str = "") -> Workspace:
    """Publish records of a large table: region -> rows in the order of the table's columns."""
    workspace, identity = Workspace(root), load_identity()
    with Target(workspace) as target:
        for region in REGIONS:
            path = target.building() / file_of(region)
            create(path, region, columns, Facts(VINTAGE, "table", run_id, identity.version, decimals),
                   identity.countries())
            finish(path, insert(path, rows.get(region, ())))
    return workspace


def select(workspace: Workspace, region: str, query: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query on one database."""
    with closing(sqlite3.connect(folder_of(workspace) / file_of(region))) as db:
        return db.execute(query).fetchall()


def runs(workspace: Workspace) -> list[str]:
    """Return the run that each of the six databases names."""
    return [select(workspace, region, "SELECT run_id FROM picture")[0][0] for region in REGIONS]


def lying_about(workspace: Workspace) -> list[str]:
    """Return what lies beside the folder of the six."""
    return [path.name for path in folder_of(workspace).parent.iterdir() if path.name.startswith(".")]
