"""A secret in every place that one may come from, runs that end well and badly, and no trace of it anywhere after."""

from __future__ import annotations

import base64
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from tests.network import SOURCES
from tests.orchestra import FAULTS, launch, table_options, write_table
from tests.server import Answer, Asked, Server

pytestmark = [pytest.mark.usefixtures("plain_environment"),
              pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]
PLACES = ("url", "key", "notify", "room", "proxy", "target", "libpq", "passfile", "aws", "session", "credentials",
          "netrc", "airflow", "other", "file", "schema")
RARE = "Zq/7+w% x"  # what is written otherwise in an address


def canary(place: str) -> str:
    """The secret of a place."""
    return f"c4nary-{place}-{RARE}"


def forms(place: str) -> set[bytes]:
    """Return the secret of a place as it stands, percent-encoded, and as it shows in base64 wherever it begins."""
    plain = canary(place).encode()
    coded = {base64.b64encode(b"-" * shift + plain)[4:-4] for shift in range(3)}
    return {plain, quote(plain, safe="").encode(), quote_plus(plain).encode(), f"c4nary-{place}".encode(), *coded,
            *(each.translate(bytes.maketrans(b"+/", b"-_")) for each in coded)}


TRACES = {each: place for place in PLACES for each in forms(place)}


def found_in(content: bytes) -> set[str]:
    """Return the places whose secrets are in it."""
    return {place for trace, place in TRACES.items() if trace in content}


class Watch:
    """Reads the command line of every process of the machine, again and again, and keeps what shows a secret."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.lines = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        known: set[str] = set()
        while not self._over.wait(0.02):
            for process in Path("/proc").glob("[0-9]*"):
                if process.name in known:
                    continue
                try:
                    line = (process / "cmdline").read_bytes()
                except OSError:
                    continue
                if b"etl_process.py" in line or b"extract.py" in line or b"load.py" in line:
                    self.lines += 1
                    known.add(process.name)
                self.seen |= found_in(line)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def quoted(place: str) -> str:
    return quote(canary(place), safe="")


def surroundings(home: Path, server: Server) -> dict[str, str]:
    """Make a home with secrets in its files, and return an environment full of them."""
    (home / ".aws").mkdir(parents=True)
    (home / ".aws/credentials").write_text(
        f"[default]\naws_access_key_id = other\naws_secret_access_key = {canary('credentials')}\n")
    (home / ".netrc").write_text(f'machine localhost login me password {quoted("netrc")}\n')
    (home / ".netrc").chmod(0o600)
    (home / "passfile").write_text(f"127.0.0.1:*:*:*:{canary('passfile')}\n")
    (home / "passfile").chmod(0o600)
    port = server.url.rpartition(":")[2]
    return {
        "HOME": str(home), "PGPASSFILE": str(home / "passfile"), "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": canary("aws"), "AWS_SESSION_TOKEN": canary("session"),
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": server.url, "AWS_EC2_METADATA_DISABLED": "true",
        "AIRFLOW_CONN_WORLD_ECONOMIES_TARGET": f"postgresql://etl:{quoted('airflow')}@127.0.0.1:9/gdp",
        "WORLD_ECONOMIES_OTHER": canary("other"),
        "WORLD_ECONOMIES_WORLDBANK_URL": f"http://me:{quoted('other')}@127.0.0.1:9/",
        "WORLD_ECONOMIES_NOTIFY": f"http://me:{quoted('notify')}@127.0.0.1:{port}/hook?token={quoted('room')}",
    }


@dataclass(frozen=True)
class Story:
    """One run. options; env: what it has beside the surroundings; code: that it ends with; route: what the server says.
    """

    code: int
    options: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    route: Callable[[Asked], Answer] | None = None
    words: str = ""


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


def shows_nothing(name: str, folder: Path, workspace: Path) -> None:
    """Run a story with --debug and look for every secret in all that it left and said."""
    with Server() as server, Watch() as watch:
        env = surroundings(folder / "home", server)
        story = stories(server, folder)[name]
        SOURCES["imf"].well(server, 0)
        if story.route:
            server.answer = story.route  # type: ignore[method-assign]
        process = launch(*story.options, "--workspace", str(workspace), "--debug", "--stage-retries", "0", "--metrics",
                         str(workspace / "metrics.prom"), env=env | dict(story.env))
        out, told = process.communicate(timeout=120)
        asked = list(server.asked)
    assert process.returncode == story.code, told
    assert story.words in told, told
    assert watch.lines and watch.seen == set()
    assert found_in((out + told).encode()) == set(), told
    left = {str(path): found_in(path.read_bytes()) for path in workspace.rglob("*")
            if path.is_file() and "archive/bodies" not in str(path)}
    assert {path: places for path, places in left.items() if places} == {}
    posted = [each for each in asked if each.method == "POST" and each.path.startswith("/hook")]
    assert all(found_in(each.body) == set() for each in posted) and (
        posted or story.code == 2 or story.route or "HTTP_PROXY" in story.env)


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


def test_a_secret_in_every_place_and_a_run_that_fails(folder: Path, finished: Path) -> None:
    shows_nothing(SHORT, folder, finished)


@pytest.mark.full
@pytest.mark.parametrize("name", NAMES)
def test_no_story_shows_a_secret(name: str, folder: Path, tmp_path: Path) -> None:
    if name.startswith(("a lake", "a vault", "a database", "a schema")) and not (
            find_spec("boto3") and find_spec("psycopg")):
        pytest.skip("the group `warehouse` is not installed")
    shows_nothing(name, folder, tmp_path / "w")


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
