"""Spark: every cell as the other engines have it, on this machine and on a cluster of real processes on loopback."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

pytest.importorskip("polars", reason="the group `large` is not installed")

import large
from engines import open_table_engine
from engines._table import Cleaner
from large import spark, spark_sorting
from large.model import TablePlan
from large.pieces import read_table, write_batches
from large.pool import Task, TaskFault, WorkerDied
from large.settings import MIB, Settings
from large.spark import SparkPool
from large.spark_sorting import SparkTransforming
from large.transform_steps import Outcome
from large.transform_tasks import published
from pipeline import storage
from pipeline.checkpoints import Manifest
from pipeline.errors import SourceNonsense, TargetUnreachable, UsageError
from pipeline.events import Reporter
from pipeline.parts import read_rows
from pipeline.stage import Stage
from rules.identity import REGIONS
from sources import Request
from tests import large_table, spark_cluster
from tests.nasty import ECONOMIES, FILE, IDENTITY, cells, plan_for, records, staged
from tests.object_store import BUCKET, SECRET, ObjectStore, object_store
from tests.project import PROJECT, manifest, run
from utils import Workspace

MISSING = ("pyspark is not installed" if find_spec("pyspark") is None else
           "there is no Java" if shutil.which("java") is None else "")
needs_spark = pytest.mark.skipif(bool(MISSING), reason=MISSING)
SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # Java that starts soon, and is not to run for long
GRAIN = ("--piece-size", "64K")


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkPool]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_TOOL_OPTIONS", SHORT_LIVED)
        with SparkPool("local[2]", tmp_path_factory.mktemp("spark"), 1 << 30) as opened:
            yield opened
    assert [*(opened.root / "results" / "work").iterdir()] == []
    assert opened._java is not None and opened._java.poll() is not None


# --- every cell -----------------------------------------------------------------------------------------------------


def extracted(workspace: Workspace, table: pa.Table, plan: TablePlan, rows: int) -> Manifest:
    """Stage a table in pieces of so many rows; return the manifest of extract, as far as transform reads it."""
    pieces = []
    for number, begin in enumerate(range(0, len(table), rows)):
        piece, part = table.slice(begin, rows), f"results/staged/{number:06d}.arrow"
        files = write_batches(workspace.root / part, piece.schema, piece.combine_chunks().to_batches())
        (digest, _), = files.values()
        pieces.append({"part": part, "sha256": digest, "rows": len(piece), "first_line": begin + 2, "file": FILE,
                       "bytes_held": 100 * len(piece)})
    vintage = {"dataset": "table:nasty", "label": "2026-11", "published": "2026-11-01"}
    return Manifest("nasty", "extract", {}, {}, [], {}, "",
                    {"batches": [{"vintage": vintage}], "table": {"plan": plan.told(), "pieces": pieces}})


def by_polars(table: pa.Table, plan: TablePlan) -> tuple[list[tuple[Any, ...]], list[list[str]], dict[str, int]]:
    """Return the rows of all parts, the quarantined rows and the balance, by the engine of one machine."""
    engine = open_table_engine("polars")
    cleaner = Cleaner(engine, plan, IDENTITY, ECONOMIES, FILE)
    found = cleaner.clean(table, 2)
    kept = engine.keep_last(found.table, plan.key)
    balance = {**found.balance, "out": len(kept.table), "duplicate: exact": kept.exact,
               "duplicate: superseded": kept.superseded}
    parts = published(engine.ordered(kept.table, ECONOMIES, plan.dimensions), plan, ECONOMIES)
    return [*cells(parts)], [list(row) for row in found.quarantined], balance


def by_spark(pool: SparkPool, table: pa.Table, plan: TablePlan, piece: int) -> tuple[Outcome, Workspace]:
    workspace = Workspace(pool.root / f"nasty {piece}")
    stage = Stage("transform", argparse.Namespace(), workspace, Reporter("transform", []))
    before = extracted(workspace, table, plan, piece + 1)
    work = SparkTransforming(stage, before, "spark", Settings(2, min(len(table) * 3_000, 64 * MIB), MIB), "")
    assert work.shuffles > 1
    outcome, cleaned = work.cleaned(pool)
    work.sorted(pool, outcome, cleaned)
    return outcome, workspace


@needs_spark
@pytest.mark.parametrize("count", [
    3_000, *(pytest.param(count, marks=pytest.mark.full) for count in (20_000, 200_000))])
def test_nasty_records_are_what_they_are_by_polars(pool: SparkPool, count: int, monkeypatch: pytest.MonkeyPatch
                                                   ) -> None:
    superseded = count // 40
    if count < 20_000:
        superseded = 10  # of few records few have a key in common
        monkeypatch.setattr(spark_sorting, "LEAST_ROWS", count // 2)  # fewer are not worth a second shuffle
    rows = records(count, 20261121)
    plan = replace(plan_for(rows), key=("country", "year", "f8"))
    table = staged(rows)
    table = pa.concat_tables([table, table.slice(0, count // 10)])  # repeats, in other pieces than what they repeat
    del rows
    wanted, quarantined, balance = by_polars(table, plan)
    outcome, workspace = by_spark(pool, table, plan, count // 4)
    assert outcome.balance == balance
    assert balance["duplicate: exact"] > count // 40 and balance["duplicate: superseded"] > superseded
    parts = [read_table(workspace.resolve(part.relative_path), part.sha256, "transform") for part in outcome.parts]
    assert [row for part in parts for row in cells(part)] == wanted
    assert len(parts) > len(REGIONS) and {part.schema for part in parts} == {parts[0].schema}
    assert [str(field.type) for field in parts[0].schema][1:] == ["double", "double", "int16", "int64", "large_string"]
    assert [len(part) for part in parts] == [part.rows for part in outcome.parts]
    for part, region in zip(parts, outcome.region_of_part, strict=True):
        assert {IDENTITY.country(IDENTITY.resolve("", name)).region for name in part["Country"].unique().to_pylist()
                } == {region}
    assert sum(outcome.regions.values()) == balance["out"]
    left = [row for path in outcome.quarantine for row in list(read_rows(workspace.resolve(path)))[1:]]
    assert left == quarantined


@needs_spark
def test_errors_of_tasks_come_back_as_what_they_are(pool: SparkPool, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"abc")
    with pytest.raises(SourceNonsense, match=r"a\.csv became shorter while it was read: 3 bytes"):
        pool.all([Task("large.extract_tasks:survey", {"path": str(file), "start": 0, "end": 9})])
    with pytest.raises(TaskFault, match="FileNotFoundError"):
        pool.all([Task("large.extract_tasks:survey", {"path": str(tmp_path / "none"), "start": 0, "end": 9})])
    tasks = [Task("large.extract_tasks:survey", {"path": str(file), "start": 0, "end": end}) for end in (0, 1, 2, 3)]
    assert [len(told[0]) for told in pool.all(tasks)] == [64] * 4
    assert [at for at, _ in pool.run([])] == []
    assert pool.peak_memory > 200 * MIB


@needs_spark
def test_errors_inside_spark_come_back_as_what_they_are(pool: SparkPool, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(UsageError, match=r"Python of the Spark cluster at local\[2\] has no nowhere"), pool.in_words():
        pool.context.parallelize([1], 1).map(lambda _: __import__("nowhere")).collect()
    assert "what Spark said last" in caplog.text


@needs_spark
def test_a_process_that_dies_is_tried_again_once(pool: SparkPool, tmp_path: Path) -> None:
    died = str(tmp_path / "died")
    found = pool.context.parallelize([died], 1).map(
        lambda path: "again" if Path(path).exists() else (Path(path).touch(), os.kill(os.getpid(), 9)))
    assert found.collect() == ["again"]
    with pytest.raises(WorkerDied, match="Spark gave up on a step"), pool.in_words():
        pool.context.parallelize([1], 1).map(lambda _: os.kill(os.getpid(), 9)).collect()


# --- the whole pipeline ---------------------------------------------------------------------------------------------


def etl(table: Path | str, workspace: Path, *more: str, env: dict[str, str] | None = None
        ) -> subprocess.CompletedProcess[str]:
    return run("etl_process.py", "--source", "table", "--input", str(table), "--target", "regions", "--no-html",
               "--vintage", "2026-11", *GRAIN, *more, workspace=workspace, timeout=300,
               env={"JAVA_TOOL_OPTIONS": SHORT_LIVED, **(env or {})})


def dumps(workspace: Path) -> dict[str, list[str]]:
    """Return what each regional database holds as sorted SQL, but for the row that names the run."""
    found = {}
    for region in REGIONS:
        path = workspace / "sqliteDB" / "regions" / (region.replace(" ", "_") + ".db")
        with closing(sqlite3.connect(path)) as db:
            found[region] = sorted(line for line in db.iterdump() if not line.startswith('INSERT INTO "picture"'))
    return found


def test_the_code_travels_with_the_table_of_countries(tmp_path: Path) -> None:
    spark.pack(tmp_path / "code.zip")
    code = ("import sys; sys.path.insert(0, './code.zip'); from pipeline.countries import load_identity\n"
            "import large.transform_tasks, large.extract_tasks, large.spark_sorting, large.read\n"
            "print(large.transform_tasks.__file__, len(load_identity().countries()))")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False,
                          env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"})
    assert done.stdout == f"./code.zip/large/transform_tasks.py {len(IDENTITY.countries())}\n", done.stderr


def same_as_elsewhere(table: Path, workspace: Path, done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stderr
    rows, counts = large_table.expected(table)
    assert large_table.held(workspace) == rows
    assert manifest(workspace, "transform")["balance"] == dict(counts)
    assert "by spark, since asked for by --engine" in done.stderr
    assert not re.search("WARN|log4j|JAVA_TOOL|py4j|Traceback", done.stderr + done.stdout)
    assert [*(workspace / "results" / "work").rglob("*spark*")] == []


@needs_spark
@pytest.mark.full  # Java begins three times
def test_the_pipeline_gives_the_same_databases_by_every_engine(tmp_path: Path) -> None:
    table = large_table.write(tmp_path / "big.csv", 3_000, unknown=20)
    same_as_elsewhere(table, tmp_path / "spark", etl(table, tmp_path / "spark", "--engine", "spark",
                                                      "--spark-master", "local[2]"))
    assert len(manifest(tmp_path / "spark", "extract")["parts"]) > 1
    for engine in ("polars", "pandas"):
        done = etl(table, tmp_path / engine, "--engine", engine, "--workers", "1")
        assert done.returncode == 0, done.stderr
        assert dumps(tmp_path / engine) == dumps(tmp_path / "spark")


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    for name in ("moto", "flask", "flask_cors", "boto3"):
        pytest.importorskip(name, reason=f"the store of the tests is not installed: {name}")
    with object_store() as running:
        yield running


@needs_spark
@pytest.mark.full
def test_an_object_store_gives_the_same(store: ObjectStore, tmp_path: Path) -> None:
    table = large_table.write(tmp_path / "big.csv", 3_000, unknown=20)
    address = store.put("in/big.csv", table.read_bytes())
    done = etl(address, tmp_path / "w", "--engine", "spark", "--spark-master", "local[2]", "--storage",
               f"s3://{BUCKET}/w", env=store.env)
    same_as_elsewhere(table, tmp_path / "w", done)
    in_the_store(store, "w", tmp_path / "w")


def in_the_store(store: ObjectStore, prefix: str, workspace: Path) -> None:
    """Assert that pieces are there, none here, and nothing between two steps anywhere; no secret in the log."""
    parts = [part for stage in ("extract", "transform") for part in manifest(workspace, stage)["parts"]]
    assert {f"{prefix}/{part['relative_path']}" for part in parts} < set(store.keys(prefix))
    assert store.keys(f"{prefix}/results/work") == []
    assert not [*workspace.rglob("*.arrow")]
    assert SECRET not in "".join(path.read_text() for path in (workspace / "log").rglob("*.*") if path.is_file())
    left = [path for stage in ("extract", "transform")
            for path in manifest(workspace, stage)["facts"]["batches"][0]["quarantine"]]
    assert left and all((workspace / path).is_file() for path in left)


@needs_spark
def test_what_machines_do_not_see_is_named(store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in store.env.items():
        monkeypatch.setenv(name, value)
    storage._store.cache_clear()
    here, there = tmp_path / "here.csv", store.put("there.csv", b"x")
    here.touch()
    assert spark.not_seeing([str(here), there]) is None
    for path, why in {str(tmp_path / "none"): "it is not there", f"s3://{BUCKET}/none": "it is not there"}.items():
        assert spark.not_seeing([str(here), path, there]) == (socket.gethostname(), path, why)
    with store.closed():
        machine, path, why = spark.not_seeing([there]) or ("", "", "")
    storage._store.cache_clear()
    pool = SparkPool("spark://a:1", tmp_path, 1 << 30, storage=f"s3://{BUCKET}/w", inputs=[here])
    error = pool._blind([machine], path, why)
    assert error.what.endswith(f"of the Spark cluster do not see {there} (--storage {there} is refused by 127.0.0.1: "
                               "ACCESS_DENIED HeadObject)")
    assert [pool._blind(["a"], what, "no").next_command.split()[0] for what in (there, str(here), str(tmp_path))] == [
        "AWS_", "--input", "a"]


# --- what is missing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["local[0]", "local[x]", "spark://host", "yarn", "host:7077", "spark://a:1,b",
                                  "spark://a:1/x", "LOCAL"])
def test_a_master_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=re.escape(f"--spark-master {text!r} is no address")):
        spark.checked_master(text)


@pytest.mark.parametrize(("text", "master"), [("", "local[*]"), ("local", "local"), ("local[12]", "local[12]"),
                                              ("spark://a:7077,b.c:1", "spark://a:7077,b.c:1")])
def test_a_master_is_taken(text: str, master: str) -> None:
    assert spark.checked_master(text) == master


def test_missing_pyspark_and_java_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(spark, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="needs pyspark, which is not installed") as caught:
        SparkPool("", tmp_path, 1 << 30)
    assert caught.value.next_command == "python -m pip install -c constraints.txt '.[spark]'"
    monkeypatch.setattr(spark, "find_spec", lambda name: name)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(UsageError, match="and there is none here"):
        SparkPool("", tmp_path, 1 << 30)


def test_an_object_store_is_no_path() -> None:
    with pytest.raises(UsageError, match="--workspace takes a folder of this machine; s3:// is none"):
        SparkPool("", Path("s3://bucket/w").resolve(), 1 << 30)
    with pytest.raises(UsageError, match="--input takes files and addresses of s3://; s3a:// is none"):
        large.check(Request("table", (Path("s3a://bucket/big.csv"),)))


@needs_spark
def test_a_master_that_does_not_answer_is_named_at_once(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    with pytest.raises(TargetUnreachable, match=f"does not answer .127.0.0.1:{port}: Connection refused"):
        SparkPool(f"spark://127.0.0.1:{port}", tmp_path, 1 << 30).__enter__()
    assert [*tmp_path.rglob("*")] == []


JAVAS = {"old": ("echo 'openjdk version \"11.0.2\" 2019' >&2", "the one here is 11"),
         "broken": ("exit 3", r"the one here does not run .exit 3"),
         "silent": ("echo hello >&2", r"the one here does not run .exit 0")}


@pytest.mark.parametrize(("script", "words"), JAVAS.values(), ids=JAVAS)
def test_a_java_that_cannot_run_spark_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str,
                                              words: str) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text(f"#!/bin/sh\n{script}\n")
    java.chmod(0o755)
    monkeypatch.setattr(spark, "find_spec", lambda name: name)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(UsageError, match=f"needs Java 17 or newer, and {words}"):
        SparkPool("local", tmp_path / "w", 1 << 30)


# --- a cluster ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a master with two workers."""
    with spark_cluster.running(tmp_path_factory.mktemp("cluster")) as address:
        yield address


def on_loopback(python: str) -> dict[str, str]:
    return {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": python}


@needs_spark
@pytest.mark.full
def test_a_cluster_gives_the_same(cluster: str, tmp_path: Path) -> None:
    table = large_table.write(tmp_path / "big.csv", 30_000, unknown=20)
    assert len(table.read_bytes()) > 10 * 65_536
    done = etl(table, tmp_path / "w", "--engine", "spark", "--spark-master", cluster, env=on_loopback(sys.executable))
    same_as_elsewhere(table, tmp_path / "w", done)
    done = etl(table, tmp_path / "polars", "--engine", "polars", "--workers", "1")
    assert dumps(tmp_path / "polars") == dumps(tmp_path / "w")


@needs_spark
@pytest.mark.full
def test_a_cluster_and_an_object_store_share_no_folder(cluster: str, store: ObjectStore, tmp_path: Path) -> None:
    """The executors have another home and no variable of the store: these come with the tasks."""
    table = large_table.write(tmp_path / "big.csv", 12_000, unknown=20)
    address = store.put("cluster/big.csv", table.read_bytes())
    done = etl(address, tmp_path / "w", "--engine", "spark", "--spark-master", cluster, "--storage",
               f"s3://{BUCKET}/cluster/w", env=on_loopback(sys.executable) | store.env)
    same_as_elsewhere(table, tmp_path / "w", done)
    in_the_store(store, "cluster/w", tmp_path / "w")


@needs_spark
@pytest.mark.full
def test_a_cluster_without_room_is_told(cluster: str, tmp_path: Path) -> None:
    defaults = tmp_path / "conf"
    defaults.mkdir()
    (defaults / "spark-defaults.conf").write_text("spark.executor.memory 900g\n")
    code = ("import sys; from pathlib import Path; from large import spark; spark.EXECUTORS_WITHIN = 1.0\n"
            "try: spark.SparkPool(sys.argv[1], Path(sys.argv[2]), 1 << 30).__enter__()\n"
            "except spark.TargetUnreachable as error: print(error)")
    environment = {**os.environ, **on_loopback(sys.executable), "SPARK_CONF_DIR": str(defaults)}
    done = subprocess.run([sys.executable, "-c", code, cluster, str(tmp_path / "w")], env=environment, text=True,
                          cwd=PROJECT, capture_output=True, check=False)
    assert "gave no executor within 1 s: its workers are gone, busy, or have less memory" in done.stdout, done.stderr
    assert [*(tmp_path / "w" / "results" / "work").iterdir()] == []


