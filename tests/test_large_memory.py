"""All processes of a run together hold less than --memory, whatever shape the table has. Linux tells what they hold."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests import large_shapes, memory
from tests.project import PROJECT

pytest.importorskip("polars", reason="the group `large` is not installed")
pytest.importorskip("adbc_driver_sqlite", reason="the group `large` is not installed")
pytestmark = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="this system does not tell PSS")

MIB = 1 << 20
LIMIT = 512 * MIB
SHORT = 20 * MIB
ALL = [*large_shapes.SHAPES, "lines of a megabyte"]


@pytest.mark.parametrize(("shape", "size"), [
    ("one key in half of the rows", SHORT), pytest.param("texts of 200 characters", SHORT, marks=pytest.mark.full),
    *[pytest.param(shape, 60 * MIB, marks=pytest.mark.full) for shape in ALL],
    *[pytest.param(shape, 300 * MIB, marks=pytest.mark.full) for shape in ALL],
    pytest.param("names that nobody knows", 450 * MIB, marks=pytest.mark.full),  # ten million of them
], ids=lambda value: value if isinstance(value, str) else f"{value // MIB} MiB")
def test_all_processes_together_stay_below_the_limit(shape: str, size: int, tmp_path: Path) -> None:
    table, workspace = tmp_path / "t.csv", tmp_path / "w"
    rows = large_shapes.write(table, shape, size)
    environment = {name: text for name, text in os.environ.items() if not name.startswith("WORLD_ECONOMIES_")}
    found = memory.measured(
        [str(PROJECT / "etl_process.py"), "--workspace", str(workspace), "--source", "table", "--input", str(table),
         "--target", "regions", "--engine", "polars", "--workers", "2", "--memory", "512M", "--no-html",
         "--accept", "unmatched"], environment, tmp_path)
    assert found.done.returncode == 0, found.done.stderr
    assert held(workspace) == rows
    assert 100 * MIB < found.peak < LIMIT, {name: size // MIB for name, size in found.then.items()}


def held(workspace: Path) -> int:
    """Return the rows of all databases."""
    count = 0
    for path in (workspace / "sqliteDB" / "regions").glob("*.db"):
        with closing(sqlite3.connect(path)) as db:
            count += db.execute("SELECT count(*) FROM Countries_by_GDP").fetchone()[0]
    return count
