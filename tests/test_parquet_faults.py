"""A lake that is damaged, another program's, newer or older; loads into it that are killed or find the disk full."""

from __future__ import annotations

import errno
import json
import random
import shutil
import sqlite3
from contextlib import closing
from itertools import count, pairwise, takewhile
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="the group `warehouse` is not installed")

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import DiskFull, GateError, TargetRefused
from targets import _parquet
from targets.parquet import Target
from tests import history_db
from tests.lakes import LAKE, Rows, half_loaded, in_folder, in_sqlite, load, manifest, named, publish, struck, two
from tests.orchestra import environment, etl, half_written, tree
from tests.project import run
from utils import Workspace, sha256_file

SEED = 20_261_121
OLD = 68  # writes of a load of two batches up to the manifest's rename: files opened, synced or renamed; or a few more
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


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Halfway:
    """A folder whose lake has the first of three batches, what is there, what will be with the others; copy it."""
    folder = tmp_path_factory.mktemp("first")
    publish(folder / "workspace", LAKE, two()[:1])
    after = Path(shutil.copytree(folder / "workspace", folder / "after"))
    publish(after, LAKE, two()[1:])
    return folder / "workspace", in_folder(folder / "workspace" / "lake"), in_folder(after / "lake")


def killed(first: Halfway, root: Path, at: int) -> str:
    """Kill a load at a write; returns "old" or "new" as the lake is then, and sees that a second load ends well."""
    source, old, new = first
    shutil.copytree(source, root)
    code = struck(root, "kill", at).returncode
    found = in_folder(root / "lake")
    assert found in (old, new)
    publish(root, LAKE, two()[1:])
    assert in_folder(root / "lake") == new
    assert half_written(root) == []
    return "done" if code == 0 else "old" if found == old else "new"


def test_a_load_killed_before_the_manifest_leaves_the_old_state(first: Halfway, tmp_path: Path) -> None:
    points = sorted(random.Random(SEED).sample(range(1, OLD), 2))
    assert [killed(first, tmp_path / str(at), at) for at in points] == ["old"] * 2


@pytest.mark.chaos
def test_a_load_killed_at_every_write(first: Halfway, tmp_path: Path) -> None:
    states = list(takewhile(lambda state: state != "done", (
        killed(first, tmp_path / str(at), at) for at in count(1))))
    assert len(states) > OLD and set(states) == {"old", "new"}
    assert states == sorted(states, reverse=True)  # once new, never old again


@pytest.mark.chaos
def test_the_loader_killed_at_every_write(halfway: Halfway, tmp_path: Path) -> None:
    source, old, new = halfway
    states = []
    for at in count(1):
        workspace = Path(shutil.copytree(source, tmp_path / str(at)))
        fault = environment({"script": "load.py", "act": "kill", "at": str(at)})
        if run("load.py", "--target", LAKE, workspace=workspace, env=fault).returncode == 0:
            break
        states.append(in_folder(workspace / "lake"))
        assert states[-1] in (old, new)
        assert load(workspace).returncode == 0
        assert in_folder(workspace / "lake") == new and half_written(workspace) == []
    changes = [before != after for before, after in pairwise(states)]
    assert states[0] == old and states[-1] == new and sum(changes) == 1  # once new, never old again


@pytest.mark.parametrize("at", [11, pytest.param(40, marks=pytest.mark.full)])
def test_a_full_disk_leaves_the_old_state(first: Halfway, tmp_path: Path, at: int) -> None:
    source, old, new = first
    root = Path(shutil.copytree(source, tmp_path / "workspace"))
    done = struck(root, "full", at)
    assert done.returncode == 8, done.stderr
    assert "disk is full" in done.stderr and "safe:  " in done.stderr
    assert in_folder(root / "lake") == old and half_written(root) == []
    publish(root, LAKE, two()[1:])
    assert in_folder(root / "lake") == new


def test_a_disk_too_full_to_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("targets._lake.os.open", full)
    with pytest.raises(DiskFull, match="The disk is full while writing lake"):
        publish(tmp_path, LAKE, two())


# --- what is refused ------------------------------------------------------------------------------------------------


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize("table", ["fact_gdp", "fact_region"])
@pytest.mark.parametrize(("harm", "told"), [(flipped, "is damaged"), (cut, "is damaged"), (Path.unlink, "is missing")])
def test_a_damaged_file_is_named_and_a_rebuild_mends_it(lake: Path, harm: Any, told: str, table: str) -> None:
    whole, name = in_folder(lake), named(lake)[table]
    harm(lake / name)
    before, target = tree(lake), Target(Workspace(lake.parent), url=LAKE)
    for ask in (lambda: target.query("loaded", {}), target.__enter__):
        with pytest.raises(TargetRefused, match=f"{name} of the lake {told}") as caught:
            ask()
        assert caught.value.where == str(lake / name)
        assert caught.value.safe.startswith("nothing was changed")
        assert caught.value.next_command == f"python load.py --rebuild --target {LAKE}"
    assert told in target.fault()
    assert tree(lake) == before
    publish(lake.parent, LAKE, two(), rebuild=True)
    assert {name: rows for name, rows in in_folder(lake).items() if name != "etl_load"} == {
        name: rows for name, rows in whole.items() if name != "etl_load"}
    assert Target(Workspace(lake.parent), url=LAKE).fault() == ""


@pytest.mark.full
def test_damage_is_told_by_the_stages_and_a_rebuild_mends_it(halfway: Halfway, tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(halfway[0], tmp_path / "workspace"))
    lake = workspace / "lake"
    name = named(lake)["fact_gdp"]
    flipped(lake / name)
    for script in ("load.py", "report.py"):
        done = run(script, "--target", LAKE, workspace=workspace)
        assert done.returncode == 6, done.stderr
        assert f"{name} of the lake is damaged" in done.stderr and str(lake / name) in done.stderr
        assert "safe:  nothing was changed" in done.stderr and f"--rebuild --target {LAKE}" in done.stderr
    assert load(workspace, "--rebuild").returncode == 0
    assert in_folder(lake) == halfway[2]


@pytest.mark.full
def test_a_rebuild_of_a_whole_lake_is_the_same(halfway: Halfway, tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(halfway[0], tmp_path / "workspace"))
    assert load(workspace).returncode == 0
    names = named(workspace / "lake")
    assert load(workspace, "--rebuild").returncode == 0
    assert in_folder(workspace / "lake") == halfway[2]
    assert {table for table, name in named(workspace / "lake").items() if names[table] != name} <= {"etl_load"}


@pytest.mark.parametrize("rebuild", [False, True])
@pytest.mark.parametrize(("change", "told", "next_command"), [
    ({"format": "dbt"}, "The manifest there is of another program", "--target parquet:DIR"),
    ({"schema": 99}, "The lake has schema 99, this program knows 3", "update World Economies"),
    ({"format_version": 7}, "The form of the lake has schema 7, this program knows 1", "update World Economies")],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "")
def test_a_lake_that_is_foreign_or_newer_is_left_alone(lake: Path, change: dict[str, Any], told: str,
                                                       next_command: str, rebuild: bool) -> None:
    (lake / "manifest.json").write_text(json.dumps(manifest(lake) | change))
    before = tree(lake)
    target = Target(Workspace(lake.parent), url=LAKE, rebuild=rebuild)
    for ask in (lambda: target.query("loaded", {}), target.__enter__):
        with pytest.raises(TargetRefused, match=told) as caught:
            ask()
        assert next_command in caught.value.next_command
    assert tree(lake) == before


OUTSIDE = {"file": "../a-0123456789abcdef.parquet", "bytes": 1, "sha256": "", "rows": 1, "columns": {}, "key": []}


@pytest.mark.parametrize("text", ["", "{", '{"format": "world-economies-lake"}', json.dumps({
    "format": "world-economies-lake", "format_version": 1, "schema": 2, "batches": {}, "left": {},
    "tables": {"a": OUTSIDE}})],
    ids=["empty", "cut", "bare", "a file outside"])
def test_a_damaged_manifest_is_named_and_a_rebuild_keeps_it_beside(lake: Path, text: str) -> None:
    (lake / "manifest.json").write_text(text)
    with pytest.raises(TargetRefused, match=r"manifest\.json of the lake cannot be read") as caught:
        publish(lake.parent, LAKE, two())
    assert "--rebuild" in caught.value.next_command
    publish(lake.parent, LAKE, two(), rebuild=True)
    assert len(in_folder(lake)["dim_vintage"]) == 3
    assert [path.read_text() for path in lake.glob("manifest.damaged-*.json")] == [text]


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
    assert manifest(lake)["schema"] == 3
    assert in_folder(lake) == in_sqlite(tmp_path)


@pytest.mark.full
def test_a_folder_that_is_a_file_is_refused(table: Path, tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("x")
    done = etl(table, tmp_path, "--target", LAKE, "--stage-retries", "0")
    assert done.returncode == 6, done.stderr
    assert "The lake cannot be read or written" in done.stderr and "Traceback" not in done.stderr
