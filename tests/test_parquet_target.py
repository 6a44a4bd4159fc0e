"""A lake of Parquet files as a target: the same tables as SQLite's, whole at every instant, each fault in words."""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="the group `warehouse` is not installed")

import pyarrow.parquet as pq

import targets
from pipeline.errors import TargetRefused, TargetUnreachable, UsageError
from targets import Batch, _lake, parquet
from targets._address import parsed
from targets._lake import FolderLake, ObjectLake, Seen
from targets.parquet import Target
from tests import history_db
from tests.history_db import batch, gdp
from tests.lakes import Rows, files, held, in_folder, in_sqlite, manifest, named, publish
from tests.object_store import BUCKET, SECRET, ObjectStore, object_store
from tests.orchestra import environment, etl, half_written, table_options, tree, write_table
from tests.project import PROJECT, run, sql
from utils import Workspace

LAKE = "parquet:lake"
DAY = 24 * 3600
SEED = 20_261_121


def two() -> list[Batch]:
    """Two vintages: a figure revised, one withdrawn, a forecast come true, one economy known in part."""
    return [batch("2024-04", gdp({"NGA": {2022: "477.376 a", 2024: "252.738 f"}, "USA": {2022: "25744.1 a"}})),
            batch("2024-10", gdp({"NGA": {2022: "476.468 a", 2024: "252.738 a"}})),
            batch("2025-04", gdp({"JPN": {2022: "4262.1"}}), complete=False, channel="table")]


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A lake with two vintages, published by two loads."""
    first, second, third = two()
    publish(tmp_path, LAKE, [first], [second, third])
    return tmp_path / "lake"


# --- the same as SQLite's -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bundled(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the ten bundled vintages, in its database and in a lake; only look at it."""
    workspace = Path(shutil.copytree(bundle, tmp_path_factory.mktemp("bundled") / "workspace"))
    done = run("load.py", "--target", LAKE, workspace=workspace)
    assert done.returncode == 0, done.stderr
    return workspace


def test_ten_vintages_are_the_same_as_in_sqlite(bundled: Path) -> None:
    found, expected = in_folder(bundled / "lake"), in_sqlite(bundled)
    assert {name: len(rows) for name, rows in found.items()} == {name: len(rows) for name, rows in expected.items()}
    assert len(found["dim_vintage"]) == 10 and len(found["fact_gdp"]) > 50_000 and len(found["fact_region"]) > 1_000
    assert found == expected


def test_the_types_are_those_that_readers_want(bundled: Path) -> None:
    told = manifest(bundled / "lake")["tables"]["fact_gdp"]
    file = pq.ParquetFile(bundled / "lake" / told["file"])
    assert [(field.name, str(field.type), field.nullable) for field in file.schema_arrow] == [
        ("dataset", "string", False), ("indicator", "string", False), ("iso3", "string", False), ("year", "int32", False),
        ("from_vintage", "string", False), ("to_vintage", "string", True), ("value", "double", False),
        ("value_text", "string", False), ("decimals", "int32", False), ("forecast", "int32", True)]
    assert told["columns"] == {field.name: str(field.type) for field in file.schema_arrow}
    assert told["key"] == ["dataset", "indicator", "iso3", "year", "from_vintage"]
    groups = [file.metadata.row_group(at) for at in range(file.metadata.num_row_groups)]
    assert {group.column(0).compression for group in groups} == {"ZSTD"}
    assert all(group.num_rows <= 65_536 for group in groups)
    assert [each.column_index for each in groups[0].sorting_columns] == [0, 1, 2, 3, 4]


def test_rows_beyond_a_row_group_are_all_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("targets._parquet.ROWS", 3)
    publish(tmp_path, LAKE, two())
    history_db.publish(tmp_path, two())
    assert in_folder(tmp_path / "lake") == in_sqlite(tmp_path)
    file = pq.ParquetFile(tmp_path / "lake" / named(tmp_path / "lake")["dim_country"])
    assert file.metadata.num_row_groups == -(-file.metadata.num_rows // 3) > 60
    with Target(Workspace(tmp_path), url=LAKE) as target:
        assert len(target.query("vintages", {"dataset": "imf-weo"})) == 3


def test_reports_are_the_same_from_both(bundled: Path, tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(bundled, tmp_path / "workspace"))
    for question in ((), ("--as-of", "2024-04"), ("--revisions", "--country", "NGA"), ("--year", "2020")):
        told = [run("report.py", *question, "--format", "json", "--no-html", "--no-csv", "--target", target,
                    workspace=workspace) for target in ("sqlite", LAKE)]
        assert told[0].returncode == told[1].returncode == 0, told[1].stderr
        assert told[0].stdout == told[1].stdout


def test_published_files_are_the_same_from_both(bundled: Path, tmp_path: Path) -> None:
    workspace, left = Path(shutil.copytree(bundled, tmp_path / "workspace")), []
    for target in ("sqlite", LAKE):
        done = run("report.py", "--no-html", "--target", target, workspace=workspace)
        assert done.returncode == 0, done.stderr
        left.append([(workspace / "results" / name).read_bytes() for name in ("Countries_by_GDP.csv", "GDP_history.csv")])
    assert left[0] == left[1] and len(left[0][1]) > 1_000_000


def test_loads_one_by_one_are_the_same_as_in_sqlite(tmp_path: Path) -> None:
    first, second, third = two()
    publish(tmp_path, LAKE, [third], [first], [second])
    history_db.publish(tmp_path, [third], [first], [second])
    assert in_folder(tmp_path / "lake") == in_sqlite(tmp_path)
    assert len(in_folder(tmp_path / "lake")["fact_revision"]) == 3


def test_the_whole_pipeline_into_two_targets(table: Path, tmp_path: Path) -> None:
    done = etl(table, tmp_path, "--target", f"sqlite,{LAKE}", "--no-html", "--no-csv")
    assert done.returncode == 0, done.stderr
    assert in_folder(tmp_path / "lake") == in_sqlite(tmp_path)
    assert len(in_sqlite(tmp_path)["Countries_by_GDP"]) == 20


# --- put once, and what is there twice ------------------------------------------------------------------------------


def test_a_run_again_has_nothing_to_do(table: Path, tmp_path: Path) -> None:
    assert etl(table, tmp_path, "--target", LAKE).returncode == 0
    before = tree(tmp_path / "lake")
    again = etl(table, tmp_path, "--target", LAKE)
    assert (again.returncode, again.stderr.count("skipped")) == (0, 3), again.stderr
    assert tree(tmp_path / "lake") == before


def test_what_did_not_change_is_not_written_again(lake: Path) -> None:
    before = tree(lake)
    publish(lake.parent, LAKE, two()[:1])  # run-0 had it
    assert tree(lake) == before
    names = named(lake)
    publish(lake.parent, LAKE, [batch("2025-10", gdp({"USA": {2022: "26006.9 a"}}))])
    changed = {table for table, name in named(lake).items() if names[table] != name}
    assert changed == {"dim_vintage", "dim_scope", "fact_gdp", "fact_revision", "fact_region", "etl_batch", "etl_load"}
    assert files(lake) == {*names.values(), *named(lake).values(), *manifest(lake)["left"]}


def test_staged_twice_and_loaded_twice_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that no manifest names were staged; the ledger says what was loaded, and how often. Neither doubles a row."""
    monkeypatch.setattr("targets._publish.utc_now", lambda: "2026-11-21T10:00:00Z")
    lake, one = tmp_path / "lake", two()[:1]
    with monkeypatch.context() as cut:
        cut.setattr(FolderLake, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            publish(tmp_path, LAKE, one)
    staged = tree(lake)
    assert len(files(lake)) == 11 and in_folder(lake) == {}  # staged, and not loaded

    publish(tmp_path, LAKE, one)  # staged twice, loaded once
    assert {name: told for name, told in tree(lake).items() if name != "manifest.json"} == staged
    assert list(manifest(lake)["batches"].values()) == [1]
    once = in_folder(lake)
    assert len(once["fact_gdp"]) == 3

    publish(tmp_path, LAKE, [replace(each, run_id="another") for each in one])  # by another run: loaded twice
    twice = in_folder(lake)
    assert list(manifest(lake)["batches"].values()) == [2]
    assert {name for name in once if once[name] != twice[name]} == {"etl_load"}
    assert len(twice["etl_load"]) == 2 and len(twice["etl_batch"]) == 1


def interrupted(*_: Any) -> None:
    raise KeyboardInterrupt


# --- files that no manifest names -----------------------------------------------------------------------------------


def aged(path: Path, hours: float) -> Path:
    """Make a file that old."""
    os.utime(path, (time.time() - hours * 3600,) * 2)
    return path


def test_leftovers_go_when_they_are_older_than_a_day_and_nothing_else_does(lake: Path) -> None:
    old, young = (lake / f"fact_gdp-{digit * 16}.parquet" for digit in "ab")
    others = [lake / "notes.txt", lake / "fact_gdp.parquet", lake / "part-0.parquet"]
    for path in (old, young, *others):
        path.write_bytes(b"x")
    for path in (old, *others, *(lake / name for name in named(lake).values())):
        aged(path, 25)
    before = set(named(lake).values())
    publish(lake.parent, LAKE, [batch("2025-10", gdp({"USA": {2022: "26006.9 a"}}))])
    assert not old.exists() and young.exists() and all(path.exists() for path in others)
    assert before <= files(lake)  # old, but counted until now: their readers have a day
    replaced = before - set(named(lake).values())
    assert replaced <= set(manifest(lake)["left"])

    told = manifest(lake)
    told["left"] = dict.fromkeys(told["left"], "2026-01-01T00:00:00Z")
    (lake / "manifest.json").write_text(json.dumps(told), encoding="utf-8")
    publish(lake.parent, LAKE, [batch("2026-04", gdp({"USA": {2022: "26006.9 a"}}))])
    assert replaced & files(lake) == set()
    assert set(named(lake).values()) <= files(lake)


def test_an_old_leftover_is_not_taken_since_another_load_may_be_removing_it(tmp_path: Path,
                                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("targets._publish.utc_now", lambda: "2026-11-21T10:00:00Z")
    lake = tmp_path / "lake"
    with monkeypatch.context() as cut:
        cut.setattr(FolderLake, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            publish(tmp_path, LAKE, two()[:1])
    staged = files(lake)
    for name in staged:
        aged(lake / name, 13)
    publish(tmp_path, LAKE, two()[:1])
    assert set(named(lake).values()) & staged == set()


def test_half_a_file_of_a_killed_writer_goes_at_once(lake: Path) -> None:
    (lake / ".fact_gdp-0123.parquet-abcdefgh.tmp").write_bytes(b"half")
    publish(lake.parent, LAKE, two()[:1])
    assert half_written(lake) == []


# --- killed ---------------------------------------------------------------------------------------------------------

WRITES = 80  # how often load.py writes at most: opened for writing, synced or renamed


@pytest.fixture(scope="module")
def halfway(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Rows, Rows]:
    """A workspace with one vintage in the lake and two clean, what is in the lake, and what will be."""
    folder = tmp_path_factory.mktemp("halfway")
    workspace = folder / "workspace"
    one, both = write_table(folder / "one.csv", vintages=("2024-10",)), write_table(folder / "two.csv", first=910)
    assert etl(one, workspace, "--target", LAKE, "--no-html", "--no-csv").returncode == 0
    for script in ("extract.py", "transform.py"):
        done = run(script, *(table_options(both) if script == "extract.py" else ()), workspace=workspace)
        assert done.returncode == 0, done.stderr
    after = Path(shutil.copytree(workspace, folder / "after"))
    assert load(after).returncode == 0
    return workspace, in_folder(workspace / "lake"), in_folder(after / "lake")


def load(workspace: Path, *more: str, target: str = LAKE, env: dict[str, str] | None = None) -> Any:
    done = run("load.py", "--target", target, *more, workspace=workspace, env=env)
    assert "Traceback" not in done.stderr
    return done


def killed(halfway: tuple[Path, Rows, Rows], workspace: Path, at: int) -> str:
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


def test_a_killed_load_leaves_the_old_state_or_the_new_one(halfway: tuple[Path, Rows, Rows], tmp_path: Path) -> None:
    dice = random.Random(SEED)
    states = [killed(halfway, tmp_path / str(at), at) for at in (*sorted(dice.sample(range(1, WRITES), 6)),)]
    assert "old" in states


@pytest.mark.chaos
def test_a_load_killed_at_every_write(halfway: tuple[Path, Rows, Rows], tmp_path: Path) -> None:
    states = [killed(halfway, tmp_path / str(at), at) for at in range(1, WRITES)]
    assert states == sorted(states, reverse=True)  # once new, never old again
    assert set(states) == {"old", "new"}


def test_a_full_disk_leaves_the_old_state(halfway: tuple[Path, Rows, Rows], tmp_path: Path) -> None:
    source, old, new = halfway
    for at in (12, 30):
        workspace = Path(shutil.copytree(source, tmp_path / str(at)))
        done = load(workspace, env=environment({"script": "load.py", "act": "full", "at": str(at)}))
        assert done.returncode == 8, done.stderr
        assert "disk is full" in done.stderr
        assert in_folder(workspace / "lake") == old and half_written(workspace) == []
        assert load(workspace).returncode == 0
        assert in_folder(workspace / "lake") == new


# --- two writers ----------------------------------------------------------------------------------------------------


def test_of_two_writers_in_a_folder_the_second_waits_and_is_refused(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lake, "WAIT", 0.0)
    before = in_folder(lake)
    with Target(Workspace(lake.parent), url=LAKE), pytest.raises(TargetUnreachable, match="Another program is writing"):
        Target(Workspace(lake.parent), url=LAKE).__enter__()
    assert in_folder(lake) == before
    publish(lake.parent, LAKE, [batch("2025-10", gdp({"USA": {2022: "26006.9 a"}}))])  # nobody holds it any more
    assert len(in_folder(lake)["dim_vintage"]) == 4


def test_a_manifest_replaced_by_something_else_is_not_written_over(lake: Path) -> None:
    target = Target(Workspace(lake.parent), url=LAKE)
    theirs = json.dumps(manifest(lake) | {"publication": "theirs"})
    with pytest.raises(TargetUnreachable, match="published in the lake meanwhile"), target:
        target.publish([batch("2025-10", gdp({"USA": {2022: "26006.9 a"}}))])
        (lake / "manifest.json").write_text(theirs, encoding="utf-8")
    assert (lake / "manifest.json").read_text(encoding="utf-8") == theirs


def test_a_reader_sees_the_old_state_until_the_new_one_is_there(lake: Path) -> None:
    reader = Target(Workspace(lake.parent), url=LAKE)
    assert reader.query("loaded", {}) == [{"batches": 3, "figures": 3}]
    with Target(Workspace(lake.parent), url=LAKE) as writer:
        writer.publish([batch("2025-10", gdp({"KOR": {2022: "1673.9 a"}}))])
        assert writer.query("loaded", {})[0]["batches"] == 4
        assert reader.query("loaded", {})[0]["batches"] == 3
    assert reader.query("loaded", {})[0]["batches"] == 4


def test_a_load_that_fails_publishes_nothing(lake: Path) -> None:
    before = tree(lake)
    with pytest.raises(ZeroDivisionError), Target(Workspace(lake.parent), url=LAKE) as target:
        target.publish([batch("2025-10", gdp({"KOR": {2022: "1673.9 a"}}))])
        raise ZeroDivisionError
    assert tree(lake) == before


# --- what is refused ------------------------------------------------------------------------------------------------


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize("table_name", ["fact_gdp", "fact_region"])
@pytest.mark.parametrize(("harm", "told"), [(flipped, "is damaged"), (cut, "is damaged"), (Path.unlink, "is missing")])
def test_a_damaged_file_is_named_and_a_rebuild_mends_it(halfway: tuple[Path, Rows, Rows], tmp_path: Path, harm: Any,
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


def test_a_rebuild_of_a_whole_lake_is_the_same(halfway: tuple[Path, Rows, Rows], tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(halfway[0], tmp_path / "workspace"))
    assert load(workspace).returncode == 0
    names = named(workspace / "lake")
    assert load(workspace, "--rebuild").returncode == 0
    assert in_folder(workspace / "lake") == halfway[2]
    assert {table for table, name in named(workspace / "lake").items() if names[table] != name} <= {"etl_load"}


def test_a_manifest_of_another_program_is_left_alone(halfway: tuple[Path, Rows, Rows], tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(halfway[0], tmp_path / "workspace"))
    (workspace / "lake" / "manifest.json").write_text('{"entries": [{"url": "s3://b/k"}]}')
    before = tree(workspace / "lake")
    for more in ((), ("--rebuild",)):
        done = load(workspace, *more)
        assert done.returncode == 6, done.stderr
        assert "The manifest there is of another program" in done.stderr
        assert "--target parquet:DIR" in done.stderr
    assert tree(workspace / "lake") == before


@pytest.mark.parametrize("text", ["", "{", '{"format": "world-economies-lake"}', '{"format": "world-economies-lake", '
                                  '"format_version": 1, "schema": 2, "batches": {}, "left": {}, "tables": {"a": {"file": '
                                  '"../a-0123456789abcdef.parquet", "bytes": 1, "sha256": "", "rows": 1, "columns": {}, '
                                  '"key": []}}}'])
def test_a_damaged_manifest_is_named_and_a_rebuild_keeps_it_beside(halfway: tuple[Path, Rows, Rows], tmp_path: Path,
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
def test_a_newer_lake_is_left_alone(halfway: tuple[Path, Rows, Rows], tmp_path: Path, name: str, number: int, told: str
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
    import pyarrow as pa

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
    from utils import sha256_file

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
    with pytest.raises(TargetRefused, match="4 rows, and not the 1 that the manifest names"):
        Target(Workspace(lake.parent), url=LAKE).query("loaded", {})


def test_a_check_that_fails_stops_the_publish(lake: Path) -> None:
    from pipeline.errors import GateError

    before = tree(lake)
    with pytest.raises(GateError, match="countries_covered"), Target(Workspace(lake.parent), url=LAKE) as target:
        target._db.execute("UPDATE dim_country SET region = '' WHERE iso3 = 'FRA'")
    assert tree(lake) == before


def test_a_lake_of_an_older_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    from contextlib import closing

    from targets import _parquet
    from utils import sha256_file

    lake, tables = tmp_path / "lake", {}
    lake.mkdir()
    database = history_db.Database(tmp_path / "old", schema=1)
    import sqlite3

    with closing(sqlite3.connect(database.path)) as connection:
        for table in _parquet.tables(connection):
            path = lake / f"{table.name}-{'0' * 16}.parquet"
            with path.open("wb") as stream:
                rows = _parquet.write(connection, table, stream)
            tables[table.name] = {"file": path.name, "bytes": path.stat().st_size, "sha256": sha256_file(path), "rows": rows,
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


# --- addresses ------------------------------------------------------------------------------------------------------


def test_addresses() -> None:
    found = parsed("sqlite, s3://bucket/a,b ,parquet:some/dir,s3", targets.names())
    assert [(each.name, each.url) for each in found] == [
        ("sqlite", ""), ("parquet", "s3://bucket/a,b"), ("parquet", "parquet:some/dir"), ("s3", "")]


@pytest.mark.parametrize(("text", "where"), [
    ("parquet:lake", "{root}/lake"), ("parquet:/srv/lake", "/srv/lake"), ("s3://bucket/some/prefix/", "s3://bucket/some/prefix"),
    ("parquet:s3://bucket/prefix", "s3://bucket/prefix")])
def test_where_an_address_leads(text: str, where: str, tmp_path: Path) -> None:
    opened = targets.open_target(text, Workspace(tmp_path))
    assert isinstance(opened, Target)
    assert opened.lake.where() == where.format(root=tmp_path)
    assert opened.lake.where("manifest.json") == f"{opened.lake.where()}/manifest.json"


@pytest.mark.parametrize("text", ["parquet", "parquet:", "s3", "s3://bucket", "s3://Bucket/x", "parquet:gs://bucket/x"])
def test_addresses_that_are_none(text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        targets.open_target(text, Workspace(tmp_path))


def test_a_folder_that_is_a_file_is_refused(table: Path, tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("x")
    done = etl(table, tmp_path, "--target", LAKE, "--stage-retries", "0")
    assert done.returncode == 6, done.stderr
    assert "The lake cannot be read or written" in done.stderr and "Traceback" not in done.stderr


# --- an object store ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running() -> Iterator[ObjectStore]:
    if missing := [name for name in ("moto", "flask", "flask_cors", "boto3") if find_spec(name) is None]:
        pytest.skip(f"the store of the tests is not installed: {', '.join(missing)}")
    with object_store() as store:
        yield store


@pytest.fixture
def store(running: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """The store, known to this process too."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in running.env.items():
        monkeypatch.setenv(name, value)
    return running


def in_store(store: ObjectStore, prefix: str) -> Rows:
    return held(lambda name: store.get(f"{prefix}/{name}")) if f"{prefix}/manifest.json" in store.keys(prefix) else {}


def test_the_store_holds_the_same_as_the_folder(store: ObjectStore, table: Path, tmp_path: Path) -> None:
    target = f"s3://{BUCKET}/whole/lake"
    done = etl(table, tmp_path, "--target", f"{target},{LAKE}", env=store.env)
    assert done.returncode == 0, done.stderr
    assert SECRET not in done.stdout + done.stderr + "".join(p.read_text() for p in (tmp_path / "log").rglob("*.txt"))
    assert in_store(store, "whole/lake") == in_folder(tmp_path / "lake")
    assert set(store.keys("whole")) - {"whole/lake/manifest.json"} == {
        f"whole/lake/{told['file']}" for told in json.loads(store.get("whole/lake/manifest.json"))["tables"].values()}
    told = [run("report.py", "--format", "json", "--no-html", "--no-csv", "--target", each, workspace=tmp_path,
                env=store.env).stdout for each in (target, LAKE)]
    assert told[0] == told[1] and "USA" in told[0]
    again = etl(table, tmp_path, "--target", f"{target},{LAKE}", env=store.env)
    assert (again.returncode, again.stderr.count("skipped")) == (0, 3), again.stderr


def test_an_object_is_put_once(store: ObjectStore, tmp_path: Path) -> None:
    import io

    lake = ObjectLake(BUCKET, "once")
    assert lake.put("a.parquet", io.BytesIO(b"first"))
    assert not lake.put("a.parquet", io.BytesIO(b"second"))
    assert store.get("once/a.parquet") == b"first"


def test_a_manifest_is_replaced_by_who_saw_it_only(store: ObjectStore) -> None:
    lake = ObjectLake(BUCKET, "replace")
    lake.replace(b"one", Seen())
    with pytest.raises(TargetUnreachable, match="meanwhile"):
        lake.replace(b"two", Seen())
    seen = lake.manifest()
    lake.replace(b"three", seen)
    with pytest.raises(TargetUnreachable, match="meanwhile"):
        lake.replace(b"four", seen)
    assert store.get("replace/manifest.json") == b"three"
    lake.replace(b"three", seen)  # sent again, since the answer was lost: its own success
    store.client.delete_object(Bucket=BUCKET, Key="replace/manifest.json")
    with pytest.raises(TargetUnreachable, match="meanwhile"):
        lake.replace(b"five", seen)


def test_of_two_writers_in_a_store_one_wins_and_the_other_comes_again(store: ObjectStore, tmp_path: Path) -> None:
    url = f"s3://{BUCKET}/two"
    first, second, third = two()
    publish(tmp_path, url, [first])
    one, other = (Target(Workspace(tmp_path), url=url) for _ in range(2))
    with one:
        one.publish([second])
        with other:
            other.publish([third])
        with pytest.raises(TargetUnreachable, match="Another load has published"):
            one.__exit__(None, None, None)
    publish(tmp_path, LAKE, [first])
    publish(tmp_path, LAKE, [third])
    assert_same_but_runs(in_store(store, "two"), in_folder(tmp_path / "lake"))
    publish(tmp_path, url, [second])
    publish(tmp_path, LAKE, [second])
    assert_same_but_runs(in_store(store, "two"), in_folder(tmp_path / "lake"))


def assert_same_but_runs(found: Rows, expected: Rows) -> None:
    assert {name: rows for name, rows in found.items() if name != "etl_load"} == {
        name: rows for name, rows in expected.items() if name != "etl_load"}


def test_leftovers_in_a_store_go_too(store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import timedelta

    url, left = f"s3://{BUCKET}/leftovers", f"leftovers/fact_gdp-{'c' * 16}.parquet"
    store.put(left, b"x")
    store.put("leftovers/notes.txt", b"x")
    store.put(f"leftovers/deeper/fact_gdp-{'c' * 16}.parquet", b"x")
    publish(tmp_path, url, two()[:1])
    assert left in store.keys("leftovers/")
    monkeypatch.setattr(parquet, "KEPT", timedelta(seconds=-60))
    publish(tmp_path, url, two()[1:])
    told = json.loads(store.get("leftovers/manifest.json"))
    assert set(store.keys("leftovers/")) == {"leftovers/manifest.json", "leftovers/notes.txt",
                                             f"leftovers/deeper/fact_gdp-{'c' * 16}.parquet",
                                             *(f"leftovers/{each['file']}" for each in told["tables"].values())}


def test_a_load_into_a_store_killed_anywhere(store: ObjectStore, halfway: tuple[Path, Rows, Rows], tmp_path: Path) -> None:
    source, _, new = halfway
    target = f"s3://{BUCKET}/killed"
    workspace = Path(shutil.copytree(source, tmp_path / "workspace"))
    seen = []
    for at in (6, 10, 14, 16, 18, 20):
        run("load.py", "--target", target, workspace=workspace,
            env=store.env | environment({"script": "load.py", "act": "kill", "at": str(at)}))
        found = in_store(store, "killed")
        assert found in ({}, new)
        seen.append(bool(store.keys("killed/")) and not found)
    assert any(seen)  # files, and no manifest
    assert load(workspace, target=target, env=store.env).returncode == 0
    assert in_store(store, "killed") == new


def test_damage_in_a_store_is_named(store: ObjectStore, tmp_path: Path) -> None:
    url = f"s3://{BUCKET}/damage"
    publish(tmp_path, url, two())
    name = json.loads(store.get("damage/manifest.json"))["tables"]["fact_gdp"]["file"]
    store.put(f"damage/{name}", store.get(f"damage/{name}")[:-1])
    assert "is damaged" in Target(Workspace(tmp_path), url=url).fault()
    store.client.delete_object(Bucket=BUCKET, Key=f"damage/{name}")
    with pytest.raises(TargetRefused, match="is missing") as caught:
        publish(tmp_path, url, two())
    assert caught.value.where == f"s3://{BUCKET}/damage/{name}"
    assert caught.value.next_command == f"python load.py --rebuild --target {url}"


def refused(table: Path, workspace: Path, target: str, env: dict[str, str]) -> str:
    done = etl(table, workspace, "--target", target, "--stage-retries", "0", env=env)
    assert done.returncode == 6, done.stderr
    assert "Traceback" not in done.stderr and SECRET not in done.stderr
    return done.stderr


def test_a_store_that_refuses_or_is_away(store: ObjectStore, table: Path, tmp_path: Path) -> None:
    assert "NoSuchBucket" in refused(table, tmp_path, "s3://nowhere/lake", store.env)
    with store.closed():
        assert "InvalidAccessKeyId" in refused(table, tmp_path, f"s3://{BUCKET}/closed", store.env)
    away = store.env | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    assert "does not answer" in refused(table, tmp_path, f"s3://{BUCKET}/away", away)
    nobody = {"AWS_ENDPOINT_URL": store.address, "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path),
              "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    assert "credentials" in refused(table, tmp_path, f"s3://{BUCKET}/nobody", nobody)


def test_without_boto3_the_next_command_installs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(UsageError, match="needs boto3") as caught:
        Target(Workspace(tmp_path), url="s3://bucket/prefix").query("loaded", {})
    assert ".[warehouse]" in caught.value.next_command


# --- read by others -------------------------------------------------------------------------------------------------


def test_the_query_of_the_documentation_reads_it(bundled: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="DuckDB is not installed")
    page = next(path for path in (PROJECT / "docs").glob("*.md") if "getvariable('fact_gdp')" in path.read_text())
    block = next(block for block in page.read_text().split("```") if "getvariable('fact_gdp')" in block)
    text = block.partition("\n")[2].replace("/srv/lake", str(bundled / "lake"))
    with duckdb.connect() as connection:
        found = connection.execute(text).fetchall()
    assert found == sql(bundled, "SELECT year, value_text FROM fact_gdp WHERE dataset = 'imf-weo' AND iso3 = 'NGA' AND "
                                 "indicator = 'NGDPD' AND to_vintage IS NULL ORDER BY year")
    assert len(found) > 40
