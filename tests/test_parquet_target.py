"""A lake of Parquet files as a target: the same tables as SQLite's, files put once, two writers, leftovers."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import IO

import pytest

pytest.importorskip("pyarrow", reason="the group `warehouse` is not installed")

import pyarrow.parquet as pq

import targets
from pipeline.errors import TargetUnreachable, UsageError
from targets import Measures, _lake
from targets._address import parsed
from targets._lake import FolderLake
from targets.parquet import Target
from tests import history_db
from tests.history_db import batch, gdp
from tests.lakes import LAKE, files, in_folder, in_sqlite, interrupted, manifest, named, publish, two
from tests.orchestra import etl, half_written, tree
from tests.project import PROJECT, run, sql
from utils import Workspace


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


@pytest.mark.full
def test_ten_vintages_are_the_same_as_in_sqlite(bundled: Path) -> None:
    found, expected = in_folder(bundled / "lake"), in_sqlite(bundled)
    assert {name: len(rows) for name, rows in found.items()} == {name: len(rows) for name, rows in expected.items()}
    assert len(found["dim_vintage"]) == 10 and len(found["fact_gdp"]) > 50_000 and len(found["fact_region"]) > 1_000
    assert found == expected


@pytest.mark.full
def test_the_types_are_those_that_readers_want(bundled: Path) -> None:
    told = manifest(bundled / "lake")["tables"]["fact_gdp"]
    file = pq.ParquetFile(bundled / "lake" / told["file"])
    assert [(field.name, str(field.type), field.nullable) for field in file.schema_arrow] == [
        ("dataset", "string", False), ("indicator", "string", False), ("iso3", "string", False),
        ("year", "int32", False),
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


@pytest.mark.full
def test_reports_are_the_same_from_both(bundled: Path, tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(bundled, tmp_path / "workspace"))
    for question in ((), ("--as-of", "2024-04"), ("--revisions", "--country", "NGA"), ("--year", "2020")):
        told = [run("report.py", *question, "--format", "json", "--no-html", "--no-csv", "--target", target,
                    workspace=workspace) for target in ("sqlite", LAKE)]
        assert told[0].returncode == told[1].returncode == 0, told[1].stderr
        assert told[0].stdout == told[1].stdout


@pytest.mark.full
def test_published_files_are_the_same_from_both(bundled: Path, tmp_path: Path) -> None:
    workspace, left = Path(shutil.copytree(bundled, tmp_path / "workspace")), []
    for target in ("sqlite", LAKE):
        done = run("report.py", "--target", target, workspace=workspace)
        assert done.returncode == 0, done.stderr
        left.append([(workspace / "results" / name).read_bytes()
                     for name in ("Countries_by_GDP.csv", "GDP_history.csv", "report.html")])
    assert left[0] == left[1] and len(left[0][1]) > 1_000_000


def test_loads_one_by_one_are_the_same_as_in_sqlite(tmp_path: Path) -> None:
    first, second, third = two()
    publish(tmp_path, LAKE, [third], [first], [second])
    history_db.publish(tmp_path, [third], [first], [second])
    assert in_folder(tmp_path / "lake") == in_sqlite(tmp_path)
    assert len(in_folder(tmp_path / "lake")["fact_revision"]) == 4


@pytest.mark.full
def test_the_whole_pipeline_into_two_targets(table: Path, tmp_path: Path) -> None:
    done = etl(table, tmp_path, "--target", f"sqlite,{LAKE}", "--no-html", "--no-csv")
    assert done.returncode == 0, done.stderr
    assert in_folder(tmp_path / "lake") == in_sqlite(tmp_path)
    assert len(in_sqlite(tmp_path)["Countries_by_GDP"]) == 20


def test_it_tells_its_size_and_how_it_finds_rows(lake: Path) -> None:
    target = Target(Workspace(lake.parent), url=LAKE)
    assert target.measures() == Measures(size=sum((lake / name).stat().st_size for name in named(lake).values()))
    told = target.profile("applied", {"batch_id": "none"})
    assert told.rows == [] and told.plan == ["SEARCH etl_batch USING PRIMARY KEY (batch_id=?)"]
    assert target.profile("loaded", {}, plan=False).plan == ()
    nothing = Target(Workspace(lake.parent), url="parquet:none")
    assert nothing.measures() == Measures() and nothing.profile("loaded", {}).rows == []
    assert not (lake.parent / "none").exists()


# --- put once, and what is there twice ------------------------------------------------------------------------------


@pytest.mark.full
def test_a_run_again_has_nothing_to_do(table: Path, tmp_path: Path) -> None:
    assert etl(table, tmp_path, "--target", LAKE).returncode == 0
    before = tree(tmp_path / "lake")
    again = etl(table, tmp_path, "--target", LAKE)
    assert again.returncode == 0 and "Nothing to do" in again.stderr, again.stderr
    assert tree(tmp_path / "lake") == before


def test_what_did_not_change_is_not_written_again(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tree(lake)
    publish(lake.parent, LAKE, two()[:1])  # run-0 had it
    assert tree(lake) == before
    names, put, real = named(lake), set[str](), FolderLake.put

    def noted(self: FolderLake, name: str, stream: IO[bytes]) -> bool:
        put.add(name.partition("-")[0])
        return real(self, name, stream)

    monkeypatch.setattr(FolderLake, "put", noted)
    publish(lake.parent, LAKE, [batch("2025-10", gdp({"USA": {2022: "26006.9 a"}}))])
    changed = {table for table, name in named(lake).items() if names[table] != name}
    assert changed == put == {"dim_vintage", "dim_scope", "fact_gdp", "fact_revision", "fact_region", "etl_batch",
                              "etl_load"}
    assert files(lake) == {*names.values(), *named(lake).values(), *manifest(lake)["left"]}


def test_staged_twice_and_loaded_twice_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that no manifest names were staged; the ledger says what was loaded, how often. Neither doubles a row."""
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

# --- two writers ----------------------------------------------------------------------------------------------------


def test_of_two_writers_in_a_folder_the_second_is_refused(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


# --- addresses ------------------------------------------------------------------------------------------------------


def test_addresses() -> None:
    found = parsed("sqlite, s3://bucket/a,b ,parquet:some/dir,s3", targets.names())
    assert [(each.name, each.url) for each in found] == [
        ("sqlite", ""), ("parquet", "s3://bucket/a,b"), ("parquet", "parquet:some/dir"), ("s3", "")]


@pytest.mark.parametrize(("text", "where"), [
    ("parquet:lake", "{root}/lake"), ("parquet:/srv/lake", "/srv/lake"),
    ("s3://bucket/some/prefix/", "s3://bucket/some/prefix"),
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

# --- read by others -------------------------------------------------------------------------------------------------


@pytest.mark.full
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
