"""Tables and pieces in an object store, a real HTTP server on loopback: the same databases, each failure in words."""

from __future__ import annotations

import argparse
import gzip
import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("polars", reason="the group `large` is not installed")
pytest.importorskip("adbc_driver_sqlite", reason="the group `large` is not installed")
if missing := [name for name in ("moto", "flask", "flask_cors", "boto3") if find_spec(name) is None]:
    pytest.skip(f"the store of the tests is not installed: {', '.join(missing)}", allow_module_level=True)

import extract
import large
from large.settings import MIB, settings_of
from pipeline import storage
from pipeline.checkpoints import run_ids
from pipeline.errors import (
    ExitCode,
    GateError,
    SourceUnreachable,
    TargetRefused,
    TargetUnreachable,
    UsageError,
    WorldEconomiesError,
)
from pipeline.storage import Far, place, uploaded
from tests import large_table
from tests.large_stages import run_stages
from tests.object_store import BUCKET, SECRET, ObjectStore, known_here, object_store
from tests.orchestra import environment
from tests.project import PROJECT, manifest, run
from tests.test_large_hostile import BODY, GOOD, HEADER, strike_before
from utils import Workspace

SMALL = ("--engine", "polars", "--piece-size", "200")
Etl = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def running() -> Iterator[ObjectStore]:
    with object_store() as store:
        yield store


@pytest.fixture
def store(running: ObjectStore) -> Iterator[ObjectStore]:
    """The store, known to this process too."""
    with known_here(running):
        yield running


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return large_table.write(tmp_path_factory.mktemp("table") / "big.csv", 2_000, unknown=20)


def etl(store: ObjectStore, table: str | Path, workspace: Path, *more: str, script: str = "etl_process.py",
        env: dict[str, str] | None = None) -> Etl:
    done = run(script, "--source", "table", "--input", table, "--target", "regions", "--no-html", "--workers", "2",
               "--stage-retries", "0", *more, workspace=workspace, env=store.env | (env or {}))
    assert "Traceback" not in done.stderr + done.stdout
    assert SECRET not in "".join(path.read_text() for path in (workspace / "log").rglob("*.txt"))
    return done


GRAIN = ("--engine", "polars", "--piece-size", "16K")


@pytest.fixture(scope="module")
def far(running: ObjectStore, table: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Etl]:
    """A workspace whose table and pieces lie in the store; only look at it."""
    workspace = tmp_path_factory.mktemp("far")
    address = running.put("in/big.csv", table.read_bytes())
    return workspace, etl(running, address, workspace, *GRAIN, "--storage", f"s3://{BUCKET}/far/")


# --- the whole run --------------------------------------------------------------------------------------------------


def test_the_databases_are_those_of_plain_python(far: tuple[Path, Etl], table: Path) -> None:
    workspace, done = far
    assert done.returncode == 0, done.stderr
    regions, counts = large_table.expected(table)
    assert large_table.held(workspace) == regions
    assert manifest(workspace, "transform")["balance"] == dict(counts)
    assert len(manifest(workspace, "extract")["parts"]) > 3


def test_pieces_are_in_the_store_and_quarantine_is_in_the_workspace(running: ObjectStore, far: tuple[Path, Etl]
                                                                    ) -> None:
    workspace, _ = far
    parts = [part for stage in ("extract", "transform") for part in manifest(workspace, stage)["parts"]]
    for part in parts:
        assert hashlib.sha256(running.get("far/" + part["relative_path"])).hexdigest() == part["sha256"]
    assert manifest(workspace, "transform")["facts"]["table"]["storage"] == f"s3://{BUCKET}/far"
    left = manifest(workspace, "transform")["facts"]["batches"][0]["quarantine"]
    assert left and all(running.get("far/" + path) == (workspace / path).read_bytes() for path in left)
    files = {path.relative_to(workspace).parts[:2] for path in workspace.rglob("*") if path.is_file()}
    assert files - {("log", name) for _, name in files} == {
        ("results", ".lock"), ("results", "runs"), ("results", "storage.json"), ("results", "quarantine"),
        ("sqliteDB", "regions")}
    assert running.keys("far/results/work") == []


def test_the_same_again_is_nothing_to_do(running: ObjectStore, far: tuple[Path, Etl]) -> None:
    before = running.keys("far")
    done = etl(running, f"s3://{BUCKET}/in/big.csv", far[0], *GRAIN, "--storage", f"s3://{BUCKET}/far")
    assert (done.returncode, "Nothing to do" in done.stderr) == (0, True), done.stderr
    assert running.keys("far") == before


def test_status_reads_the_objects(running: ObjectStore, far: tuple[Path, Etl]) -> None:
    done = run("etl_process.py", "--status", workspace=far[0], env=running.env)
    assert done.returncode == 0
    assert re.search(r"extract +\d+ file\(s\) verified, 2,1\d\d rows", done.stdout)
    down = run("etl_process.py", "--status", workspace=far[0], env=running.env | {"AWS_ENDPOINT_URL": NOBODY})
    assert re.search(r"extract +not verified: 127.0.0.1 does not answer .Could not connect to server.", down.stdout)


def test_another_storage_is_another_run(running: ObjectStore, far: tuple[Path, Etl]) -> None:
    here = f"s3://{BUCKET}/in/big.csv", far[0], *GRAIN, "--vintage", "", "--from", "load"
    gone = etl(running, *here)
    assert (gone.returncode, "There is no run of --source table with these files" in gone.stderr) == (2, True)
    done = etl(running, *here, "--storage", f"s3://{BUCKET}/far")
    assert (done.returncode, "skipped: its checkpoint is whole" in done.stderr) == (0, True), done.stderr


def test_a_sample_has_a_folder_of_its_own_there() -> None:
    words = ["--source", "table", "--target", "regions", "--storage", "s3://bucket/w"]
    parse = extract.build_parser().parse_args
    assert large.storage_of(parse(words)) == "s3://bucket/w"
    assert large.storage_of(parse([*words, "--sample", "5"])) == "s3://bucket/w/sample"
    assert large.storage_of(parse(words[:4])) == ""


def test_a_killed_run_goes_on(running: ObjectStore, table: Path, tmp_path: Path) -> None:
    more = (*GRAIN, "--workers", "1", "--storage", f"s3://{BUCKET}/killed")
    fault = environment({"script": "transform.py", "act": "group", "at": "24"})
    killed = etl(running, table, tmp_path, *more, env=fault)
    assert (killed.returncode, "SIGKILL" in killed.stderr) == (1, True), killed.stderr
    assert [key for key in running.keys("killed/results/work") if key.endswith(".json")]
    done = etl(running, table, tmp_path, *more)
    assert done.returncode == 0, done.stderr
    assert large_table.held(tmp_path) == large_table.expected(table)[0]
    assert running.keys("killed/results/work") == []


# --- in one process: each test is quick -----------------------------------------------------------------------------


def stages(monkeypatch: pytest.MonkeyPatch, table: Any, workspace: Path, prefix: str, *more: str) -> None:
    run_stages(monkeypatch, [table], workspace, *SMALL, *(("--storage", f"s3://{BUCKET}/{prefix}") if prefix else ()),
               *more)


def rows_of(workspace: Path) -> list[tuple[Any, ...]]:
    return sorted(row for rows in large_table.held(workspace).values() for row in rows)


@pytest.mark.parametrize(("engine", "packed"), [
    ("pandas", True), *(pytest.param(*each, marks=pytest.mark.full) for each in (
        ("polars", False), ("pandas", False), ("polars", True)))],
    ids=lambda value: {False: "plain", True: "gzip"}.get(value, value))
def test_every_engine_and_packing(store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: str,
                                  packed: bool) -> None:
    data = HEADER + BODY + b"France,2001\n"
    table = store.put(f"{engine}/t.csv" + ".gz" * packed, gzip.compress(data) if packed else data)
    stages(monkeypatch, table, tmp_path, f"every/{engine}{packed}", "--engine", engine)
    assert rows_of(tmp_path) == GOOD
    left, = manifest(tmp_path, "extract")["facts"]["batches"][0]["quarantine"]
    assert "France" in (tmp_path / left).read_text()


@pytest.mark.parametrize("what", [
    "altered", *(pytest.param(what, marks=pytest.mark.full) for what in ("cut", "removed"))])
def test_a_piece_that_is_damaged_is_made_again_and_no_other(store: ObjectStore, tmp_path: Path, what: str,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    table, prefix = store.put("damaged/t.csv", HEADER + BODY), f"damaged/{what}"
    run_stages(monkeypatch, [table], tmp_path, *SMALL, "--storage", f"s3://{BUCKET}/{prefix}", stages=["extract"])
    path = prefix + "/" + manifest(tmp_path, "extract")["parts"][1]["relative_path"]
    data = store.get(path)
    if what == "removed":
        store.client.delete_object(Bucket=BUCKET, Key=path)
    else:
        store.put(path, data[:-9] if what == "cut" else data[:100] + bytes([data[100] ^ 1]) + data[101:])
    kept: list[int] = []
    strike_before(monkeypatch, "large.extract_tasks", "keep", 1, lambda: kept.append(1))
    try:
        stages(monkeypatch, table, tmp_path, prefix)
    except WorldEconomiesError as error:  # found where it is read: the run goes back to extract then
        assert (what, error.exit_code) == ("altered", ExitCode.CHECKPOINT)
        assert path not in store.keys(prefix)
        stages(monkeypatch, table, tmp_path, prefix)
    assert kept == [1]
    assert store.get(path) == data
    assert rows_of(tmp_path) == GOOD


def test_an_object_that_is_written_again_while_it_is_read_is_refused(store: ObjectStore, tmp_path: Path,
                                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    """By one of the same size, within the second that an object's time has."""
    table = store.put("changed/t.csv", HEADER + BODY)
    other = (HEADER + BODY).replace(b"France", b"Norway")
    strike_before(monkeypatch, "large.extract_tasks", "stage_piece", 2, lambda: store.put("changed/t.csv", other))
    with pytest.raises(GateError, match=r"t\.csv was written to while it was read: it is another file now"):
        stages(monkeypatch, table, tmp_path, "changed/w")
    assert not (tmp_path / "sqliteDB").exists()


def test_an_object_that_is_removed_while_it_is_read_is_refused(store: ObjectStore, tmp_path: Path,
                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    table = store.put("gone/t.csv", HEADER + BODY)
    strike_before(monkeypatch, "large.extract_tasks", "survey", 1,
                  lambda: store.client.delete_object(Bucket=BUCKET, Key="gone/t.csv"))
    with pytest.raises(GateError, match=r"t\.csv cannot be read any more"):
        stages(monkeypatch, table, tmp_path, "")


def test_a_prefix_is_of_one_workspace(store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = store.put("shared/t.csv", HEADER + BODY)
    stages(monkeypatch, table, tmp_path / "a", "shared/w")
    with pytest.raises(UsageError, match=f"--storage s3://{BUCKET}/shared/w is another workspace's"):
        stages(monkeypatch, table, tmp_path / "b", "shared/w")
    (tmp_path / "a").rename(tmp_path / "moved")
    stages(monkeypatch, table, tmp_path / "moved", "shared/w")
    stages(monkeypatch, table, tmp_path / "b", "shared/w2")
    assert rows_of(tmp_path / "b") == rows_of(tmp_path / "moved") == GOOD


def test_the_same_table_goes_to_another_storage_as_a_run_of_its_own(store: ObjectStore, tmp_path: Path,
                                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    table = store.put("moved/t.csv", HEADER + BODY)
    found = []
    for number, prefix in enumerate(("moved/a", "", "moved/b"), 1):
        stages(monkeypatch, table, tmp_path, prefix)
        assert rows_of(tmp_path) == GOOD
        assert len(run_ids(Workspace(tmp_path))) == number
        found.append(manifest(tmp_path, "transform")["parts"][0]["relative_path"])
    assert [(tmp_path / path).is_file() for path in found] == [False, True, False]
    assert [f"moved/{prefix}/{path}" in store.keys("moved") for prefix, path in zip("a-b", found, strict=True)] == [
        True, False, True]


def test_quarantine_that_the_store_lost_is_warned_of(store: ObjectStore, tmp_path: Path,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    table = store.put("lost/t.csv", HEADER + BODY + b"France,2001\n")
    run_stages(monkeypatch, [table], tmp_path, *SMALL, "--storage", f"s3://{BUCKET}/lost/w", stages=["extract"])
    left, = manifest(tmp_path, "extract")["facts"]["batches"][0]["quarantine"]
    told: list[str] = []
    monkeypatch.setattr("pipeline.events.Reporter.warn", lambda _, text, **fields: told.append(text))
    (tmp_path / left).unlink()
    store.client.delete_object(Bucket=BUCKET, Key=f"lost/w/{left}")
    (tmp_path / "results" / "runs" / "current").unlink()
    for path in (tmp_path / "results" / "runs").rglob("*.json"):
        path.unlink()
    stages(monkeypatch, table, tmp_path, "lost/w")
    assert told == [f"{left} is not in the storage any more", "1 row(s) cannot be read"]
    assert rows_of(tmp_path) == GOOD


# --- what is refused ------------------------------------------------------------------------------------------------

NOBODY = "http://127.0.0.1:9"  # discard: no machine of ours serves it


def refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, table: Any, to: str = "") -> WorldEconomiesError:
    with pytest.raises(WorldEconomiesError) as caught:
        run_stages(monkeypatch, [table], tmp_path / "w", *SMALL, *(("--storage", to) if to else ()), stages=["extract"])
    assert SECRET not in repr(caught.value.lines())
    return caught.value


@pytest.fixture
def local(tmp_path: Path) -> Path:
    (tmp_path / "t.csv").write_bytes(HEADER + BODY)
    return tmp_path / "t.csv"


def test_an_object_or_a_bucket_that_is_none(store: ObjectStore, tmp_path: Path, local: Path,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("deep/er/t.csv", HEADER + BODY)
    for key in ("none.csv", "deep/er"):
        error = refused(monkeypatch, tmp_path, f"s3://{BUCKET}/{key}")
        assert (type(error), error.what) == (UsageError, f"There is no object s3://{BUCKET}/{key}")
    error = refused(monkeypatch, tmp_path, "s3://nowhere/t.csv")
    assert (type(error), error.what) == (UsageError, "--input s3://nowhere/t.csv is in no bucket that there is")
    error = refused(monkeypatch, tmp_path, local, "s3://nowhere/w")
    assert (type(error), error.what) == (UsageError, "--storage s3://nowhere/w is in no bucket that there is")
    with pytest.raises(UsageError, match="s3://nowhere/x is in no bucket"), uploaded(Far("nowhere/x")) as stream:
        stream.write(b"x")


def test_who_may_not(store: ObjectStore, tmp_path: Path, local: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = store.put("may/t.csv", HEADER + BODY)
    with store.closed():
        error = refused(monkeypatch, tmp_path, address)
        assert (type(error), error.what) == (UsageError, f"--input {address} is refused by 127.0.0.1: "
                                                         "ACCESS_DENIED HeadObject")
        error = refused(monkeypatch, tmp_path, local, f"s3://{BUCKET}/may/w")
        assert type(error) is TargetRefused
        assert error.what == f"--storage s3://{BUCKET}/may/w is refused by 127.0.0.1: ACCESS_DENIED HeadBucket"
        with pytest.raises(TargetRefused, match="INVALID_ACCESS_KEY_ID PutObject"), \
                uploaded(Far(f"{BUCKET}/may/x")) as stream:
            stream.write(b"x")
    assert error.next_command.startswith("the same command with AWS_PROFILE")


def test_a_store_that_does_not_answer(store: ObjectStore, tmp_path: Path, local: Path,
                                      monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", NOBODY)
    error = refused(monkeypatch, tmp_path, f"s3://{BUCKET}/t.csv")
    assert (type(error), error.what) == (SourceUnreachable, "127.0.0.1 does not answer (Could not connect to server)")
    error = refused(monkeypatch, tmp_path, local, f"s3://{BUCKET}/w")
    assert (type(error), error.retry, error.where) == (TargetUnreachable, True, f"s3://{BUCKET}/w")


@pytest.mark.full
def test_a_stage_is_tried_again_when_the_store_was_away(local: Path, tmp_path: Path, running: ObjectStore) -> None:
    done = run("etl_process.py", "--source", "table", "--input", local, "--target", "regions", "--stage-retries", "1",
               "--storage", f"s3://{BUCKET}/w", workspace=tmp_path / "w",
               env=running.env | {"AWS_ENDPOINT_URL": NOBODY})
    assert (done.returncode, done.stderr.count("trying again in")) == (6, 1), done.stderr
    assert "127.0.0.1 does not answer (Could not connect to server)" in done.stderr


def test_a_workspace_is_a_folder(running: ObjectStore, local: Path, tmp_path: Path) -> None:
    for script in ("etl_process.py", "extract.py", "transform.py", "report.py"):
        command = [sys.executable, str(PROJECT / script), "--workspace", f"s3://{BUCKET}/w"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
        assert (done.returncode, "takes a folder of this machine; s3:// is none" in done.stderr) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_what_only_large_tables_take(tmp_path: Path, running: ObjectStore) -> None:
    for words, what in {
        ("--source", "bundled", "--storage", "s3://bucket/w"): "--storage is for the pieces of --source table",
        ("--source", "table", "--input", "s3://bucket/t.csv"): "s3://bucket/t.csv is in an object store, which only",
        ("--source", "wikipedia", "--input", "s3://bucket/t.html"): "s3://bucket/t.html is in an object store, which",
        ("--source", "table", "--target", "regions", "--input", "gs://bucket/t.csv"): "of s3://; gs:// is none",
    }.items():
        done = run("extract.py", *words, workspace=tmp_path)
        assert (done.returncode, what in done.stderr) == (2, True), done.stderr
    done = run("extract.py", "--source", "bundled", "--vintage", "2025-10", workspace=tmp_path,
               env={"WORLD_ECONOMIES_STORAGE": "s3://bucket/w"})  # the environment's may be for other runs
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("text", ["s3://", "s3://bucket", "s3://bucket/", "s3://b/x", "s3://Bucket/x", "s3://bucket//x",
                                  "s3://bucket/../x", "s3:///x"])
def test_addresses_that_are_none(text: str) -> None:
    for kind in (storage.input_place, storage.storage_address):
        with pytest.raises(argparse.ArgumentTypeError, match="is no address such as s3://bucket/"):
            kind(text)


def test_addresses() -> None:
    assert storage.storage_address("s3://bucket/a/b/") == "s3://bucket/a/b"
    assert storage.storage_address("") == ""
    with pytest.raises(argparse.ArgumentTypeError, match="--workspace takes a folder"):
        storage.storage_address("/shared/w")
    assert storage.input_place("s3://bucket/Ä b/t.csv") == Far("bucket/Ä b/t.csv", "--input")
    assert storage.input_place("a/t.csv") == Path("a/t.csv")
    assert place("/w", "a", "b") == Path("/w/a/b")
    assert [str(each) for each in (place("s3://b/p", "a/b", "c"), place("s3://b/p") / "x", Far("b/p/q").parent)] == [
        "s3://b/p/a/b/c", "s3://b/p/x", "s3://b/p"]


def test_the_environment_names_several_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_ECONOMIES_INPUT", "s3://bucket/a.csv:/data/b.csv:s3://bucket/c.csv")
    assert extract.build_parser().parse_args([]).input == [
        Far("bucket/a.csv", "--input"), Path("/data/b.csv"), Far("bucket/c.csv", "--input")]


def test_the_client_of_a_store_has_its_share_of_the_memory() -> None:
    options = argparse.Namespace(workers=2, memory=1024 * MIB, piece_size=0)
    near, far = (settings_of(options, small=False, far=each) for each in (False, True))
    assert (near.in_hand // MIB, far.in_hand // MIB) == (380, 296)
    options.memory = 400 * MIB
    assert settings_of(options, small=False).workers == 2
    with pytest.raises(UsageError, match="which need 480M"):
        settings_of(options, small=False, far=True)
