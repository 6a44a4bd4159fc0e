"""A lake in an object store, a real HTTP server on loopback: conditions of PUT, two writers, each failure in words."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from collections.abc import Iterator
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="the group `warehouse` is not installed")
if missing := [name for name in ("moto", "flask", "flask_cors", "boto3") if find_spec(name) is None]:
    pytest.skip(f"the store of the tests is not installed: {', '.join(missing)}", allow_module_level=True)

from pipeline.errors import TargetRefused, TargetUnreachable, UsageError
from targets import parquet
from targets._lake import ObjectLake, Seen
from targets.parquet import Target
from tests.lakes import LAKE, Rows, half_loaded, held, in_folder, load, publish, two
from tests.object_store import BUCKET, SECRET, ObjectStore, object_store
from tests.orchestra import environment, etl
from tests.project import run
from utils import Workspace

Halfway = tuple[Path, Rows, Rows]


@pytest.fixture(scope="module")
def halfway(tmp_path_factory: pytest.TempPathFactory) -> Halfway:
    """A workspace with one vintage in the lake and two more clean, what is there, what will be; copy it."""
    return half_loaded(tmp_path_factory.mktemp("halfway"))


@pytest.fixture(scope="module")
def running() -> Iterator[ObjectStore]:
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
    with pytest.raises(TargetUnreachable, match="Another load has published"), one:
        one.publish([second])
        with other:
            other.publish([third])
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


def test_a_load_into_a_store_killed_anywhere(store: ObjectStore, halfway: Halfway, tmp_path: Path) -> None:
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
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(UsageError, match="needs boto3") as caught:
        Target(Workspace(tmp_path), url="s3://bucket/prefix").query("loaded", {})
    assert ".[warehouse]" in caught.value.next_command
