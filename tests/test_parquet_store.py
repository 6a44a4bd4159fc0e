"""A lake in an object store, a real HTTP server on loopback: conditions of PUT, two writers, each failure in words."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from importlib.util import find_spec
from itertools import count, takewhile
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="the group `warehouse` is not installed")
if missing := [name for name in ("moto", "flask", "flask_cors", "boto3") if find_spec(name) is None]:
    pytest.skip(f"the store of the tests is not installed: {', '.join(missing)}", allow_module_level=True)

import boto3

from pipeline.errors import TargetRefused, TargetUnreachable, UsageError
from targets import _lake, parquet
from targets._lake import ObjectLake, Seen
from targets.parquet import Target
from tests.cut_line import AFTER, BEFORE, BUSY, WITHIN, Cut, cut_line
from tests.lakes import LAKE, Rows, held, in_folder, publish, struck, two
from tests.object_store import BUCKET, SECRET, ObjectStore, object_store
from tests.orchestra import etl
from tests.project import run
from utils import Workspace


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


@pytest.mark.full
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
    assert again.returncode == 0 and "load      skipped" in again.stderr, again.stderr


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


@pytest.mark.full
def test_two_processes_at_once(store: ObjectStore, tmp_path: Path) -> None:
    publish(tmp_path, f"s3://{BUCKET}/at-once", two()[:1])
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda _: struck(tmp_path, "", 0, url=f"s3://{BUCKET}/at-once", env=store.env), range(3)))
    assert {each.returncode for each in done} <= {0, 6} and 0 in {each.returncode for each in done}
    assert all("Another load has published" in each.stderr for each in done if each.returncode)
    for group in (two()[:1], two()[1:]):
        publish(tmp_path, LAKE, group)
    assert in_store(store, "at-once") == in_folder(tmp_path / "lake")


def assert_same_but_runs(found: Rows, expected: Rows) -> None:
    assert {name: rows for name, rows in found.items() if name != "etl_load"} == {
        name: rows for name, rows in expected.items() if name != "etl_load"}


@pytest.mark.full
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


def killed(store: ObjectStore, root: Path, name: str, at: int) -> str:
    """Kill a load into a prefix at a write; tells what lies there then, and sees that a second load ends well."""
    url = f"s3://{BUCKET}/{name}"
    code = struck(root, "kill", at, url=url, env=store.env).returncode
    keys, found = store.keys(f"{name}/"), in_store(store, name)
    publish(root, url, two()[1:])
    publish(root, f"parquet:{name}", two()[1:])
    whole = in_folder(root / name)
    assert in_store(store, name) == whole and found in ({}, whole)
    return "done" if code == 0 else "whole" if found else "staged" if keys else "nothing"


@pytest.mark.full
def test_a_load_into_a_store_killed_between_files_and_manifest(store: ObjectStore, tmp_path: Path) -> None:
    assert killed(store, tmp_path, "killed", 12) == "staged"


@pytest.mark.chaos
def test_a_load_into_a_store_killed_at_every_write(store: ObjectStore, tmp_path: Path) -> None:
    states = list(takewhile(lambda state: state != "done", (
        killed(store, tmp_path, f"killed-{at}", at) for at in count(1))))
    assert {"nothing", "staged"} <= set(states)


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


# --- a store that refuses or is away --------------------------------------------------------------------------------


def refused(tmp_path: Path, url: str = f"s3://{BUCKET}/refused") -> TargetRefused:
    boto3.DEFAULT_SESSION = None  # it keeps the credentials that this process had
    with pytest.raises(TargetRefused) as caught:
        publish(tmp_path, url, two())
    assert caught.value.where.startswith(url) and caught.value.safe == "the lake is as it was"
    assert SECRET not in "".join(caught.value.lines())
    return caught.value


def test_a_bucket_that_is_not_there(store: ObjectStore, tmp_path: Path) -> None:
    error = refused(tmp_path, "s3://nowhere/lake")
    assert f"{store.address} says NoSuchBucket: The specified bucket does not exist" in error.what
    assert error.next_command == "make the bucket, or name another one: --target s3://BUCKET/PREFIX"


def somebody(store: ObjectStore, *actions: str) -> dict[str, str]:
    """Make a user who may do these in the store, and return what a process needs to be that one."""
    iam = boto3.client("iam", endpoint_url=store.address, region_name="us-east-1", aws_access_key_id="testing",
                       aws_secret_access_key=SECRET)
    name = f"user-{len(iam.list_users()['Users'])}"
    iam.create_user(UserName=name)
    if actions:
        iam.put_user_policy(UserName=name, PolicyName="some", PolicyDocument=json.dumps({
            "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


@pytest.mark.parametrize(("actions", "secret", "code", "needed"), [
    ((), "", "AccessDenied", "s3:GetObject, s3:PutObject and s3:ListBucket"),
    (("s3:GetObject", "s3:ListBucket"), "", "AccessDenied", "s3:GetObject, s3:PutObject and s3:ListBucket"),
    (("s3:*",), "wrong", "SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"),
    (None, "", "InvalidAccessKeyId", "AWS_PROFILE")], ids=["nothing", "reading only", "a wrong secret", "nobody"])
def test_somebody_who_may_not(store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                              actions: tuple[str, ...] | None, secret: str, code: str, needed: str) -> None:
    url = f"s3://{BUCKET}/closed"
    publish(tmp_path, url, two()[:1])
    before = {key: store.get(key) for key in store.keys("closed/")}
    if actions is not None:
        for name, value in somebody(store, *actions).items():
            monkeypatch.setenv(name, value)
    if secret:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    with store.closed():
        error = refused(tmp_path, url)
    assert f"says {code}: " in error.what and needed in error.next_command
    assert {key: store.get(key) for key in store.keys("closed/")} == before


@pytest.mark.parametrize(("name", "value", "told"), [
    ("AWS_ACCESS_KEY_ID", "", "credentials"), ("AWS_PROFILE", "nobody", "nobody"),
    ("AWS_ENDPOINT_URL", "127.0.0.1", "Invalid endpoint: 127.0.0.1")])
def test_an_environment_that_leads_nowhere(store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                           name: str, value: str, told: str) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(name, value)
    if not value:
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    error = refused(tmp_path)
    assert "The object store cannot be asked" in error.what and told in error.what
    assert "AWS_PROFILE" in error.next_command


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://nowhere.invalid"])
def test_a_store_that_is_away(store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                              address: str) -> None:
    monkeypatch.setattr(_lake, "TRIES", 1)
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    with pytest.raises(TargetUnreachable, match="The object store does not answer") as caught:
        publish(tmp_path, f"s3://{BUCKET}/away", two())
    assert address in caught.value.what and caught.value.safe == "the lake is as it was"


@pytest.mark.full
def test_the_stages_say_so_too(store: ObjectStore, table: Path, tmp_path: Path) -> None:
    done = etl(table, tmp_path, "--target", "s3://nowhere/lake", "--stage-retries", "0", env=store.env)
    assert done.returncode == 6, done.stderr
    assert "NoSuchBucket" in done.stderr and "Traceback" not in done.stderr and SECRET not in done.stderr


# --- a line that is cut ---------------------------------------------------------------------------------------------


def always(cut_method: str, part: str, act: str) -> Cut:
    """Cut each request of a method for a name that begins so."""
    return lambda method, path: act if method == cut_method and path.rpartition("/")[2].startswith(part) else ""


@pytest.mark.parametrize(("method", "part", "act", "state"), [
    pytest.param("GET", "manifest.json", BEFORE, "old", marks=pytest.mark.full),
    ("GET", "fact_gdp-", WITHIN, "old"),
    pytest.param("PUT", "fact_gdp-", BEFORE, "old", marks=pytest.mark.full),
    pytest.param("PUT", "fact_gdp-", AFTER, "old", marks=pytest.mark.full),
    pytest.param("PUT", "manifest.json", BEFORE, "old", marks=pytest.mark.full),
    ("PUT", "manifest.json", AFTER, "new")])
def test_a_line_cut_for_good(store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                             method: str, part: str, act: str, state: str) -> None:
    monkeypatch.setattr(_lake, "TRIES", 1)
    name = f"cut-{method}-{part}-{act}"
    url = f"s3://{BUCKET}/{name}"
    publish(tmp_path, url, two()[:1])
    old = in_store(store, name)
    with cut_line(store.address, always(method, part, act)) as address, monkeypatch.context() as line:
        line.setenv("AWS_ENDPOINT_URL", address)
        with pytest.raises(TargetUnreachable, match="does not answer") as caught:
            publish(tmp_path, url, two()[1:])
    assert caught.value.safe.startswith("the lake is as it was")
    assert ("or whole as this load made it" in caught.value.safe) == (method == "PUT" and part == "manifest.json")
    assert (in_store(store, name) == old) == (state == "old")
    publish(tmp_path, url, two()[1:])  # typed again
    new = in_store(store, name)
    assert len(new["dim_vintage"]) == 3
    assert list(json.loads(store.get(f"{name}/manifest.json"))["batches"].values()) == [1, 1, 1]
    publish(tmp_path, url, two()[1:])
    assert in_store(store, name) == new


def test_a_store_that_is_busy(store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lake, "TRIES", 1)
    with cut_line(store.address, always("GET", "manifest.json", BUSY)) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        with pytest.raises(TargetUnreachable, match=f"{address} says 503") as caught:
            publish(tmp_path, f"s3://{BUCKET}/busy", two())
    assert caught.value.retry and caught.value.safe == "the lake is as it was"


def test_an_answer_that_is_lost_once_is_no_failure(store: ObjectStore, tmp_path: Path,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    url, lost = f"s3://{BUCKET}/lost", set[str]()

    def once(method: str, path: str) -> str:
        if method != "PUT" or path in lost or not ("manifest" in path or "fact_gdp" in path):
            return ""
        lost.add(path)
        return AFTER

    with cut_line(store.address, once) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        publish(tmp_path, url, two())
    assert len(lost) == 2
    publish(tmp_path, LAKE, two())
    assert in_store(store, "lost") == in_folder(tmp_path / "lake")
    assert len(store.keys("lost/")) == 12  # sent twice, there once


def test_without_boto3_the_next_command_installs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(UsageError, match="needs boto3") as caught:
        Target(Workspace(tmp_path), url="s3://bucket/prefix").query("loaded", {})
    assert ".[warehouse]" in caught.value.next_command
