"""Loads one after another, as a process of its own: python -m tests.loading WORKSPACE FIRST LAST [database]

Load k is of one vintage more and of a picture in which Germany's GDP is 100 + k, and nothing else in the workspace has
that number: so whoever reads sees by one figure of which load it is. It says "k" when the load is done.
"""

from __future__ import annotations

import sys
from pathlib import Path

from history.model import STATED, Vintage
from pipeline.countries import load_identity
from reports import datapackage
from reports.dashboard.page import write_page
from targets import BaseTarget, Picture, parquet, regions, sqlite
from tests.dashboards import facts_of
from tests.history_db import WEO, batch, gdp
from tests.regions_db import row
from utils import Workspace, write_json

LAKE = "parquet:lake"
PAGE = 5  # of so many loads into the database alone one writes the page, which takes as long as all the others together


def load(target: BaseTarget, number: int) -> None:
    """Load one vintage, and show its picture."""
    identity, vintage = load_identity(), Vintage(WEO, f"v{number:04d}", "2024-10-01", f"2025-{number:04d}", STATED)
    rows = [row("DEU", 100.0 + number), row("JPN", 50.0)]
    with target:
        target.describe(identity.countries(), identity.version)
        target.publish([batch(vintage, gdp({"DEU": {2025: f"{100 + number} a"}, "JPN": {2025: "50 a"}}),
                              run=f"r{number}")])
        target.show(Picture(vintage, "weo", f"r{number}", rows))


def load_all(workspace: Workspace, number: int, *, only_database: bool = False) -> None:
    """Load into every target that is a file, and publish the picture and the package."""
    load(sqlite.Target(workspace), number)
    if not only_database:
        load(regions.Target(workspace), number)
        load(parquet.Target(workspace, url=LAKE), number)
    write_json(workspace.clean_picture, [row("DEU", 100.0 + number)] * 50)
    datapackage.write(workspace, sqlite.Target(workspace))
    if not only_database or number % PAGE == 0:
        write_page(workspace, facts_of(workspace.root))


if __name__ == "__main__":
    for each in range(int(sys.argv[2]), int(sys.argv[3]) + 1):
        load_all(Workspace(Path(sys.argv[1])), each, only_database="database" in sys.argv[4:])
        print(each, flush=True)
