"""A lake that is damaged, another program's, newer or older; loads into it that are killed or find the disk full."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="the group `warehouse` is not installed")

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import GateError, TargetRefused
from targets import _parquet
from targets.parquet import Target
from tests import history_db
from tests.lakes import LAKE, Rows, half_loaded, in_folder, in_sqlite, load, manifest, named, publish, two
from tests.orchestra import environment, etl, half_written, tree
from tests.project import run
from utils import Workspace, sha256_file

SEED = 20_261_121
WRITES = 80  # how often load.py writes at most: opened for writing, synced or renamed
Halfway = tuple[Path, Rows, Rows]


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A lake with two vintages, published by two loads."""
    first, second, third = two()
    publish(tmp_path, LAKE, [first], [second, third])
    return tmp_path / "lake"


@pytest.fixture(scope="module")
def halfway(tmp_path_factory: pytest.TempPathFactory) -> Halfway:
    """A workspace with one vintage in the lake and two more clean, what is there, what will be; copy it."""
    return half_loaded(tmp_path_factory.mktemp("halfway"))


# --- killed ---------------------------------------------------------------------------------------------------------


def killed(halfway: Halfway, workspace: Path, at: int) -> str:
    """Kill a load at a write; returns "old" or "new" as the lake is then, and sees that a second load ends well."""
    source, old, new = halfway
    shutil.copytree(source, workspace)
    assert old != new
    run("load.py", "--target", LAKE, workspace=workspace,
        env=environment({"script": "load.py", "act": "kill", "at": str(at)}))
    found = in_folder(workspace / "lake")
    assert found in (old, new)
    state = "old" if found == old else "new"
    assert load(workspace).returncode == 0
    assert in_folder(workspace / "lake") == new
    assert half_written(workspace) == []
    return state


def test_a_killed_load_leaves_the_old_state_or_the_new_one(halfway: Halfway, tmp_path: Path) -> None:
    dice = random.Random(SEED)
    states = [killed(halfway, tmp_path / str(at), at) for at in (*sorted(dice.sample(range(1, WRITES), 6)),)]
    assert "old" in states


@pytest.mark.chaos
def test_a_load_killed_at_every_write(halfway: Halfway, tmp_path: Path) -> None:
    states = [killed(halfway, tmp_path / str(at), at) for at in range(1, WRITES)]
    assert states == sorted(states, reverse=True)  # once new, never old again
    assert set(states) == {"old", "new"}


def test_a_full_disk_leaves_the_old_state(halfway: Halfway, tmp_path: Path) -> None:
    source, old, new = halfway
    for at in (12, 30):
        workspace = Path(shutil.copytree(source, tmp_path / str(at)))
        done = load(workspace, env=environment({"script": "load.py", "act": "full", "at": str(at)}))
        assert done.returncode == 8, done.stderr
        assert "disk is full" in done.stderr
        assert in_folder(workspace / "lake") == old and half_written(workspace) == []
        assert load(workspace).returncode == 0
        assert in_folder(workspace / "lake") == new


# --- what is refused ------------------------------------------------------------------------------------------------


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize("table_name", ["fact_gdp", "fact_region"])
@pytest.mark.parametrize(("harm", "told"), [(flipped, "is damaged"), (cut, "is damaged"), (Path.unlink, "is missing")])
def test_a_damaged_file_is_named_and_a_rebuild_mends_it(halfway: Halfway, tmp_path: Path, harm: Any,
                                                        told: str, table_name: str) -> None:
    workspace = Path(shutil.copytree(halfway[0], tmp_path / "workspace"))
    lake = workspace / "lake"
    name = named(lake)[table_name]
    harm(lake / name)
    before = tree(lake)
    for script in ("load.py", "report.py"):
        done = run(script, "--target", LAKE, workspace=workspace)
        assert done.returncode == 6, done.stderr
        assert f"{name} of the lake {told}" in done.stderr and str(lake / name) in done.stderr
        assert "safe:  nothing was changed" in done.stderr and f"--rebuild --target {LAKE}" in done.stderr
    assert tree(lake) == before
    assert told in Target(Workspace(workspace), url=LAKE).fault()
    assert load(workspace, "--rebuild").returncode == 0
    assert in_folder(lake) == halfway[2]
    assert Target(Workspace(workspace), url=LAKE).fault() == ""


def test_a_rebuild_of_a_whole_lake_is_the_same(halfway: Halfway, tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(halfway[0], tmp_path / "workspace"))
    assert load(workspace).returncode == 0
    names = named(workspace / "lake")
    assert load(workspace, "--rebuild").returncode == 0
    assert in_folder(workspace / "lake") == halfway[2]
    assert {table for table, name in named(workspace / "lake").items() if names[table] != name} <= {"etl_load"}


def test_a_manifest_of_another_program_is_left_alone(halfway: Halfway, tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(halfway[0], tmp_path / "workspace"))
    (workspace / "lake" / "manifest.json").write_text('{"entries": [{"url": "s3://b/k"}]}')
    before = tree(workspace / "lake")
    for more in ((), ("--rebuild",)):
        done = load(workspace, *more)
        assert done.returncode == 6, done.stderr
        assert "The manifest there is of another program" in done.stderr
        assert "--target parquet:DIR" in done.stderr
    assert tree(workspace / "lake") == before


OUTSIDE = {"file": "../a-0123456789abcdef.parquet", "bytes": 1, "sha256": "", "rows": 1, "columns": {}, "key": []}


@pytest.mark.parametrize("text", ["", "{", '{"format": "world-economies-lake"}', json.dumps({
    "format": "world-economies-lake", "format_version": 1, "schema": 2, "batches": {}, "left": {},
    "tables": {"a": OUTSIDE}})],
    ids=["empty", "cut", "bare", "a file outside"])
def test_a_damaged_manifest_is_named_and_a_rebuild_keeps_it_beside(halfway: Halfway, tmp_path: Path,
                                                                   text: str) -> None:
    workspace = Path(shutil.copytree(halfway[0], tmp_path / "workspace"))
    lake = workspace / "lake"
    (lake / "manifest.json").write_text(text)
    done = load(workspace)
    assert done.returncode == 6, done.stderr
    assert "manifest.json of the lake cannot be read" in done.stderr and "--rebuild" in done.stderr
    done = load(workspace, "--rebuild")
    assert done.returncode == 0, done.stderr
    assert in_folder(lake) == halfway[2]
    assert [path.read_text() for path in lake.glob("manifest.damaged-*.json")] == [text]


@pytest.mark.parametrize(("name", "number", "told"), [
    ("schema", 99, "The lake has schema 99, this program knows 2"),
    ("format_version", 7, "The form of the lake has schema 7, this program knows 1")])
def test_a_newer_lake_is_left_alone(halfway: Halfway, tmp_path: Path, name: str, number: int, told: str
                                    ) -> None:
    workspace = Path(shutil.copytree(halfway[0], tmp_path / "workspace"))
    lake = workspace / "lake"
    (lake / "manifest.json").write_text(json.dumps(manifest(lake) | {name: number}))
    before = tree(lake)
    for script, more in (("load.py", ()), ("load.py", ("--rebuild",)), ("report.py", ())):
        done = run(script, "--target", LAKE, *more, workspace=workspace)
        assert done.returncode == 6, done.stderr
        assert told in done.stderr and "update World Economies" in done.stderr
    assert tree(lake) == before


def test_a_file_of_other_columns_or_with_a_row_twice_is_refused(lake: Path) -> None:
    path = lake / named(lake)["dim_vintage"]
    whole = pq.read_table(path)
    for table, told in ((whole.rename_columns(["dataset", "label", "updated", "published", "dating", "x"]), "columns"),
                        (pa.concat_tables([whole, whole]), "UNIQUE")):
        pq.write_table(table, path)
        agreed(lake, "dim_vintage", table.num_rows)
        with pytest.raises(TargetRefused, match=told):
            Target(Workspace(lake.parent), url=LAKE).query("loaded", {})


def agreed(lake: Path, table: str, rows: int) -> None:
    """Let the manifest say what lies there."""
    told = manifest(lake)
    path = lake / told["tables"][table]["file"]
    told["tables"][table] |= {"bytes": path.stat().st_size, "sha256": sha256_file(path), "rows": rows}
    (lake / "manifest.json").write_text(json.dumps(told))


def test_a_manifest_that_names_fewer_tables_or_rows_is_refused(lake: Path) -> None:
    told = manifest(lake)
    (lake / "manifest.json").write_text(json.dumps(told | {"tables": {
        name: each for name, each in told["tables"].items() if name != "dim_scope"}}))
    with pytest.raises(TargetRefused, match="names no file of dim_scope"):
        Target(Workspace(lake.parent), url=LAKE).query("loaded", {})
    (lake / "manifest.json").write_text(json.dumps(told))
    agreed(lake, "fact_gdp", 1)
    with pytest.raises(TargetRefused, match="6 rows, and not the 1 that the manifest names"):
        Target(Workspace(lake.parent), url=LAKE).query("loaded", {})


def test_a_check_that_fails_stops_the_publish(lake: Path) -> None:
    before = tree(lake)
    with pytest.raises(GateError, match="countries_covered"), Target(Workspace(lake.parent), url=LAKE) as target:
        target._db.execute("UPDATE dim_country SET region = '' WHERE iso3 = 'FRA'")
    assert tree(lake) == before


def test_a_lake_of_an_older_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    lake, tables = tmp_path / "lake", dict[str, Any]()
    lake.mkdir()
    database = history_db.Database(tmp_path / "old", schema=1)
    with closing(sqlite3.connect(database.path)) as connection:
        for table in _parquet.tables(connection):
            path = lake / f"{table.name}-{'0' * 16}.parquet"
            with path.open("wb") as stream:
                rows = _parquet.write(connection, table, stream)
            tables[table.name] = {"file": path.name, "bytes": path.stat().st_size, "sha256": sha256_file(path),
                                  "rows": rows,
                                  "columns": {column.name: column.type for column in table.columns}, "key": table.key}
    (lake / "manifest.json").write_text(json.dumps({"format": "world-economies-lake", "format_version": 1, "schema": 1,
                                                    "tables": tables, "batches": {}, "left": {}}))
    target = Target(Workspace(tmp_path), url=LAKE)
    assert target.query("schema", {}) == [{"version": 1}]
    assert target.query("loaded", {}) == []
    publish(tmp_path, LAKE, two())
    history_db.publish(tmp_path, two())
    assert manifest(lake)["schema"] == 2
    assert in_folder(lake) == in_sqlite(tmp_path)


def test_a_folder_that_is_a_file_is_refused(table: Path, tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("x")
    done = etl(table, tmp_path, "--target", LAKE, "--stage-retries", "0")
    assert done.returncode == 6, done.stderr
    assert "The lake cannot be read or written" in done.stderr and "Traceback" not in done.stderr
