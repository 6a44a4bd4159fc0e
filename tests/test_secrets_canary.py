"""A secret in every place that one may come from, runs that end well and badly, and no trace of it anywhere after."""

from __future__ import annotations

import base64
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.canary import Story, Watch, canary, found_in, quoted, shows_nothing, surroundings
from tests.orchestra import FAULTS, table_options, write_table
from tests.server import Answer, Asked, Server

pytestmark = [pytest.mark.usefixtures("plain_environment"),
              pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]
WEB = ("--source", "imf", "--indicator", "NGDPD", "--retries", "0")


def echo(status: int) -> Callable[[Asked], Answer]:
    """Say again whatever was sent, as debugging pages and careless services do."""
    def answer(asked: Asked) -> Answer:
        told = f"{asked.path} {asked.headers} key {canary('key')} of {canary('url')}"
        login = base64.b64decode(asked.headers.get("authorization", "Basic ").partition(" ")[2]).decode("latin-1")
        return Answer(f"<html><body>{login} {told}</body></html>".encode(), status)
    return answer


def leads(to: str) -> Callable[[Asked], Answer]:
    return lambda asked: Answer(b"", 302, {"Location": to})


def stories(server: Server, folder: Path) -> dict[str, Story]:
    """Return what is run; `folder` takes the files that hold secrets."""
    port = server.url.rpartition(":")[2]
    web = f"http://me:{quoted('url')}@127.0.0.1:{port}/imf?api_key={quoted('key')}"
    (folder / "target").write_text(f"postgresql://etl:{quoted('file')}@127.0.0.1:9/gdp")
    (folder / "address").write_text(web)
    asks, home = {"WORLD_ECONOMIES_URL": web}, {"WORLD_ECONOMIES_URL": f"http://localhost:{port}/imf"}
    table = tuple(table_options(write_table(folder / "gdp.csv")))
    return {
        "a database that is not there": Story(6, (*table, "--target-file", str(folder / "target")), words="127.0.0.1"),
        "a server that answers": Story(0, WEB, asks),
        "a file with the address": Story(0, (*WEB, "--url-file", str(folder / "address"))),
        "a login of netrc": Story(0, WEB, home),
        "nobody there": Story(4, WEB, {"WORLD_ECONOMIES_URL": web.replace(port, "9")}, words="Connection refused"),
        "an echo": Story(4, WEB, asks, echo(403), "refuses this client"),
        "an echo of netrc": Story(4, WEB, home, echo(401), "wants a login"),
        "an echo that is no figures": Story(4, WEB, asks, echo(200), "an HTML page where XML was wanted"),
        "a redirect with a key": Story(4, WEB, asks, leads(f"ftp://u:{quoted('url')}@h/?sig={quoted('key')}"), "ftp"),
        "a redirect for ever": Story(4, WEB, asks, leads(f"?again&token={quoted('key')}"), "redirects more than"),
        "an address that is none": Story(2, WEB, {"WORLD_ECONOMIES_URL": f"http://me:{quoted('url')}@[bad/"}),
        "a proxy that is none": Story(2, WEB, asks | {"HTTP_PROXY": f"http://me:{quoted('proxy')}@[bad"},
                                      words="proxy"),
        "a proxy that is gone": Story(4, WEB, asks | {"HTTP_PROXY": f"http://me:{quoted('proxy')}@127.0.0.1:9"}),
        "a proxy that refuses": Story(4, WEB, {"HTTP_PROXY": f"http://me:{quoted('proxy')}@127.0.0.1:{port}",
                                               "WORLD_ECONOMIES_URL": "http://h.invalid/imf"}, echo(407), "proxy"),
        **{f"a crash of {stage}": Story(1, (*WEB, "--target", "sqlite"), asks | {
            "PYTHONPATH": str(FAULTS), "FAULT_SCRIPT": f"{stage}.py", "FAULT_ACT": act, "FAULT_AT": "2"})
           for stage, act in (("extract", "raise"), ("transform", "kill"), ("load", "raise"), ("report", "raise"))},
        "an address of another kind": Story(2, WEB, {"WORLD_ECONOMIES_URL": f"ftp://me:{quoted('url')}@h/"}),
        "a database by the environment": Story(6, table, {
            "WORLD_ECONOMIES_TARGET": f"postgresql://etl:{quoted('target')}@127.0.0.1:9/gdp",
            "PGPASSWORD": canary("libpq")}),
        "a database by its own files": Story(6, (*table, "--target", "postgresql://etl@127.0.0.1:9/gdp")),
        "a database whose address is none": Story(2, table, {
            "WORLD_ECONOMIES_TARGET": f"postgresql://etl:{canary('target')}@127.0.0.1:9/gdp"}),
        "a schema that is not there": Story(6, table, {
            "WORLD_ECONOMIES_SCHEMA": f"postgresql://etl:{quoted('schema')}@127.0.0.1:9/gdp"}),
        "a lake whose keys are refused": Story(6, (*table, "--target", "s3://bucket/prefix"), {}, echo(403)),
        "a vault that refuses": Story(6, (*table, "--target", "secretsmanager:gdp"), {}, echo(400)),
        "a vault without keys": Story(6, (*table, "--target", "secretsmanager:gdp"),
                                      {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, echo(403)),
    }


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "secrets").mkdir()
    yield tmp_path / "secrets"


NAMES = (
    "a server that answers", "a file with the address", "a login of netrc", "nobody there", "an echo",
    "an echo of netrc", "an echo that is no figures", "a redirect with a key", "a redirect for ever",
    "an address that is none", "a proxy that is none", "a proxy that is gone", "a proxy that refuses",
    "a crash of extract", "a crash of transform", "a crash of load", "a crash of report", "an address of another kind",
    "a database by the environment", "a database by its own files", "a database whose address is none",
    "a schema that is not there", "a lake whose keys are refused", "a vault that refuses", "a vault without keys")
SHORT = "a database that is not there"


def told(name: str, folder: Path, workspace: Path) -> None:
    with Server() as server:
        shows_nothing(stories(server, folder)[name], surroundings(folder / "home", server), server, workspace)


def test_a_secret_in_every_place_and_a_run_that_fails(folder: Path, finished: Path) -> None:
    told(SHORT, folder, finished)


@pytest.mark.full
@pytest.mark.parametrize("name", NAMES)
def test_no_story_shows_a_secret(name: str, folder: Path, tmp_path: Path) -> None:
    if name.startswith(("a lake", "a vault", "a database", "a schema")) and not (
            find_spec("boto3") and find_spec("psycopg")):
        pytest.skip("the group `warehouse` is not installed")
    told(name, folder, tmp_path / "w")


def test_the_watch_and_the_search_find_a_secret(folder: Path) -> None:
    with Watch() as watch:
        shown = subprocess.Popen(["sh", "-c", "read line", "etl_process.py", quoted("url")], stdin=subprocess.PIPE)
        while not watch.lines:
            threading.Event().wait(0.01)
        shown.communicate(b"\n", timeout=10)
    assert watch.seen == {"url"}
    basic = base64.b64encode(f"me:{canary('netrc')}".encode())
    assert found_in(b"Authorization: Basic " + basic) == {"netrc"}
    assert found_in(canary("key").encode()) == {"key"} and found_in(b"c4nary") == set()
