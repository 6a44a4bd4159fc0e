"""What the tests of lakes share: batches published in one, and what it holds, read by manifest and pyarrow alone."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.countries import load_identity
from targets import Batch, Counts
from targets.parquet import Target
from tests.history_db import batch, gdp
from tests.orchestra import FAULTS, VOLATILE, environment, etl, table_options, write_table
from tests.project import run, sql
from utils import Workspace

LAKE = "parquet:lake"
# Every table and view of the star, with the columns that its rows are sorted by.
STAR = {
    "dim_country": "iso3", "dim_vintage": "dataset, label, updated",
    "dim_scope": "dataset, indicator, vintage, first_year", "dim_scope_key": "dataset, indicator, iso3, year, vintage",
    "fact_gdp": "dataset, indicator, iso3, year, from_vintage",
    "fact_revision": "dataset, indicator, iso3, year, vintage", "fact_region": "dataset, vintage, year, region",
    "etl_batch": "batch_id", "etl_load": "run_id, batch_id", "Countries_by_GDP": "ISO3", "picture": "id"}
Done = subprocess.CompletedProcess[str]
Rows = dict[str, list[tuple[Any, ...]]]


def publish(root: Path, url: str, *groups: Iterable[Batch], rebuild: bool = False) -> list[Counts]:
    """Publish each group in a load of its own, as history_db.publish() does in SQLite."""
    found = []
    for number, group in enumerate(groups):
        identity = load_identity()
        with Target(Workspace(root), url=url, rebuild=rebuild) as target:
            target.describe(identity.countries(), identity.version)
            found.append(target.publish([replace(each, run_id=f"{each.run_id}-{number}") for each in group]))
    return found


def manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a lake in a folder."""
    content: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return content


def files(folder: Path) -> set[str]:
    """Return the names of the Parquet files that lie there."""
    return {path.name for path in folder.glob("*.parquet")}


def named(folder: Path) -> dict[str, str]:
    """Return table -> the name of its file, by the manifest."""
    return {name: told["file"] for name, told in manifest(folder)["tables"].items()}


def in_folder(folder: Path) -> Rows:
    """Return what a lake in a folder holds; nothing without a manifest."""
    return held(lambda name: (folder / name).read_bytes()) if (folder / "manifest.json").exists() else {}


def held(read: Callable[[str], bytes]) -> Rows:
    """Return table -> its rows in the order they lie in, what differs from run to run left out."""
    import pyarrow.parquet as pq

    found = {}
    for name, told in json.loads(read("manifest.json"))["tables"].items():
        data = read(told["file"])
        assert (len(data), hashlib.sha256(data).hexdigest()) == (told["bytes"], told["sha256"])
        columns = pq.read_table(io.BytesIO(data)).to_pydict()
        assert list(columns) == list(told["columns"])
        found[name] = list(zip(*(values for column, values in columns.items() if column not in VOLATILE), strict=True))
        assert len(found[name]) == told["rows"]
    return found


def in_sqlite(workspace: Path) -> Rows:
    """Return the same of the workspace's database, sorted as files of a lake are."""
    found = {}
    for name, key in STAR.items():
        told = sql(workspace, f"SELECT name FROM pragma_table_info('{name}')")
        columns = ", ".join(f'"{column}"' for (column,) in told if column not in VOLATILE)
        found[name] = sql(workspace, f"SELECT {columns} FROM {name} ORDER BY {key}")
    return found


# --- workspaces -----------------------------------------------------------------------------------------------------


def two() -> list[Batch]:
    """Return two vintages and a part of a third: a figure revised, one withdrawn, a forecast come true, one new."""
    return [batch("2024-04", gdp({"NGA": {2022: "477.376 a", 2024: "252.738 f"}, "USA": {2022: "25744.1 a"}})),
            batch("2024-10", gdp({"NGA": {2022: "476.468 a", 2024: "252.738 a"}})),
            batch("2025-04", gdp({"JPN": {2022: "4262.1"}}), complete=False, channel="table")]


def interrupted(*_: Any) -> Any:
    """Stand in for what is interrupted at its beginning."""
    raise KeyboardInterrupt


def half_loaded(folder: Path) -> tuple[Path, Rows, Rows]:
    """Make a workspace with one vintage in the lake and two more clean; returns it, what is there, what will be."""
    workspace = folder / "workspace"
    one, both = write_table(folder / "one.csv", vintages=("2024-10",)), write_table(folder / "two.csv", first=910)
    assert etl(one, workspace, "--target", LAKE, "--no-html", "--no-csv").returncode == 0
    for script in ("extract.py", "transform.py"):
        done = run(script, *(table_options(both) if script == "extract.py" else ()), workspace=workspace)
        assert done.returncode == 0, done.stderr
    after = Path(shutil.copytree(workspace, folder / "after"))
    assert load(after).returncode == 0
    return workspace, in_folder(workspace / "lake"), in_folder(after / "lake")


def struck(root: Path, act: str, at: int, *, url: str = LAKE, env: dict[str, str] | None = None) -> Done:
    """Publish the second and third batch of two() in a process that is struck at its N-th write."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WORLD_ECONOMIES_")}
    script = FAULTS / "publish_lake.py"
    told = environment({"script": script.name, "act": act, "at": str(at)})
    return subprocess.run([sys.executable, str(script), str(root), url], env=clean | told | (env or {}),
                          capture_output=True, encoding="utf-8", timeout=120, check=False)


def load(workspace: Path, *more: str, target: str = LAKE, env: dict[str, str] | None = None) -> Done:
    """Run load.py on a lake."""
    done = run("load.py", "--target", target, *more, workspace=workspace, env=env)
    assert "Traceback" not in done.stderr
    return done

