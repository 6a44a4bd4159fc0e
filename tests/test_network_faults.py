"""Real runs against a server that lies: refused in words, the database untouched, and the same command ends well."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import network
from tests.network import FAULTS, SOURCES, Fault, Source
from tests.orchestra import content, half_written
from tests.project import PROJECT, run, sql
from tests.server import Answer, Server

pytestmark = pytest.mark.usefixtures("plain_environment")
PAIRS = [(source, fault) for source in SOURCES for fault in FAULTS]
MEMORY = 1536 * 1024  # KiB of address space that a run against a liar may take
SECONDS = 30
PLAIN = ("--no-html", "--no-csv", "--stage-retries", "0")


def bounded(script: str, *options: str, workspace: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a script with a limit on its memory and time."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WORLD_ECONOMIES_")}
    line = f'ulimit -v {MEMORY}; exec "$@"'
    return subprocess.run(["sh", "-c", line, "sh", sys.executable, str(PROJECT / script), "--workspace", str(workspace),
                           *options], capture_output=True, encoding="utf-8", timeout=SECONDS, check=False,
                          env=clean | {"PYTHONWARNINGS": "error", "PYTHONIOENCODING": "utf-8"} | env,
                          stdin=subprocess.DEVNULL)


def bodies(workspace: Path) -> set[bytes]:
    """Return what the archive keeps."""
    return {path.read_bytes() for path in (workspace / "results/archive/bodies").rglob("*") if path.is_file()}


def refused(done: subprocess.CompletedProcess[str], words: tuple[str, ...], code: int = 4) -> None:
    """Hold a refusal against what one must say."""
    assert done.returncode == code, done.stderr
    assert f"extract failed (exit {code}). " in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert any(each in done.stderr for each in words), done.stderr
    for label in ("where: http", "safe:  ", "next:  "):
        assert f"\n  {label}" in done.stderr, done.stderr


def comparable(workspace: Path) -> str:
    """Return the content of the database, the server's port left out."""
    return re.sub(r"https?://127\.0\.0\.1:\d+", "there", repr(content(workspace)))


# --- the short form -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "kind"), [("worldbank", "shorter"), random.Random(7).choice(PAIRS)])
def test_extract_alone_refuses_and_goes_on(name: str, kind: str, undisturbed: Path, finished: Path,
                                           server: Server) -> None:
    source, fault = SOURCES[name], FAULTS[kind]
    source.well(server, 1)
    database = finished / "sqliteDB/World_Economies.db"
    with fault.lie(server, source):
        done = bounded("extract.py", *source.command(server), *fault.options, workspace=finished, env=dict(fault.env))
    if not fault.heals:
        refused(done, fault.words)
    assert database.read_bytes() == (undisturbed / "sqliteDB/World_Economies.db").read_bytes()
    assert run("extract.py", *source.command(server), workspace=finished).returncode == 0


# --- every source, every lie ----------------------------------------------------------------------------------------


class Stand:
    """A server, and of each source a workspace that holds edition 0, and what one of both holds; made once."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.folder = server, folder
        self.expected: dict[str, str] = {}

    def workspace(self, source: Source, name: str) -> Path:
        """Return a copy of the workspace that holds edition 0; the server is at edition 1."""
        before = self.folder / source.name
        if source.name not in self.expected:
            source.well(self.server, 0)
            self.well(source, before)
            source.well(self.server, 1)
            both = Path(shutil.copytree(before, self.folder / f"{source.name}-both"))
            self.well(source, both)
            self.expected[source.name] = comparable(both)
            assert comparable(before) != comparable(both)
        return Path(shutil.copytree(before, self.folder / name))

    def well(self, source: Source, workspace: Path) -> None:
        """Run the whole to a good end."""
        done = run("etl_process.py", *source.command(self.server), *PLAIN, workspace=workspace)
        assert done.returncode == 0, done.stderr

    def lied_to(self, source: Source, fault: Fault, workspace: Path) -> None:
        """Lie to a run, and then do not."""
        database = workspace / "sqliteDB/World_Economies.db"
        before, known, began = database.read_bytes(), bodies(workspace), time.monotonic()
        asked = len(self.server.asked)
        with fault.lie(self.server, source):
            done = bounded("etl_process.py", *source.command(self.server), *PLAIN, *fault.options, workspace=workspace,
                           env=dict(fault.env))
        if fault.heals:
            assert done.returncode == 0, done.stderr
        else:
            refused(done, fault.words)
            assert time.monotonic() - began < SECONDS
            assert database.read_bytes() == before
            whole = source.kept if len(self.server.asked) > asked else 0  # of documents, before the lie
            assert known <= bodies(workspace) and len(bodies(workspace)) >= len(known) + whole
        self.well(source, workspace)
        assert comparable(workspace) == self.expected[source.name]
        assert half_written(workspace) == []


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with Server() as server:
        yield Stand(server, tmp_path_factory.mktemp("stand"))


def whole(stand: Stand, name: str, kind: str) -> None:
    source = SOURCES[name]
    workspace = stand.workspace(source, f"{name}-{kind}")
    source.well(stand.server, 1)
    stand.lied_to(source, FAULTS[kind], workspace)
    shutil.rmtree(workspace)


@pytest.mark.full
@pytest.mark.parametrize(("name", "kind"), sorted(random.Random(11).sample(PAIRS, 12)))
def test_a_lie_is_refused_and_the_same_command_ends_well(name: str, kind: str, stand: Stand) -> None:
    whole(stand, name, kind)


@pytest.mark.chaos
@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("name", SOURCES)
def test_every_source_and_every_lie(name: str, kind: str, stand: Stand) -> None:
    whole(stand, name, kind)


# --- what no list of lies has ---------------------------------------------------------------------------------------


def test_pages_of_two_editions_are_never_one(undisturbed: Path, finished: Path, server: Server) -> None:
    source = SOURCES["worldbank"]
    source.well(server, 0)
    server.routes[f"{network.WORLD_BANK}2"] = network.bank_page(1, 2)
    done = bounded("extract.py", *source.command(server), workspace=finished, env={})
    refused(done, ("figures of NGDPD changed while they were read; run again",))
    pages = {each.body for each in server.routes.values() if isinstance(each, Answer)}
    assert pages <= bodies(finished)  # what was fetched is kept
    assert (finished / "sqliteDB/World_Economies.db").read_bytes() == (
        undisturbed / "sqliteDB/World_Economies.db").read_bytes()


@pytest.mark.full
def test_an_edition_that_comes_between_two_pages_is_asked_for_again(stand: Stand) -> None:
    source = SOURCES["worldbank"]
    workspace = stand.workspace(source, "between")
    source.well(stand.server, 1)
    stand.server.routes[f"{network.WORLD_BANK}1"] = [network.bank_page(0, 1), network.bank_page(1, 1)]
    done = run("tests/faults/quick.py", *source.command(stand.server), "--no-html", "--no-csv", workspace=workspace)
    assert (done.returncode, done.stderr.count("trying again")) == (0, 1), done.stderr
    assert comparable(workspace) == stand.expected["worldbank"]


@pytest.mark.full
@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_a_certificate_that_nobody_signed_is_refused_and_no_way_leads_to_http(source: Source, stand: Stand,
                                                                              tmp_path: Path) -> None:
    certificate = network.own_certificate(tmp_path)
    workspace = stand.workspace(source, f"{source.name}-tls")
    before, asked = content(workspace), len(stand.server.asked)
    with Server(network.tls_of(certificate)) as safe:
        source.well(safe, 1)
        done = bounded("etl_process.py", *source.command(safe), *PLAIN, workspace=workspace, env={})
        refused(done, ("127.0.0.1 cannot prove that it is 127.0.0.1: ",))
        assert "export SSL_CERT_FILE=" in done.stderr and safe.asked == []
        trusted = {"SSL_CERT_FILE": str(certificate)}
        right = safe.routes[source.main]
        safe.routes[source.main] = network.down_to(stand.server)
        done = bounded("etl_process.py", *source.command(safe), *PLAIN, workspace=workspace, env=trusted)
        refused(done, ("127.0.0.1 redirects from https to http",))
        assert len(stand.server.asked) == asked and content(workspace) == before
        safe.routes[source.main] = right
        done = run("etl_process.py", *source.command(safe), *PLAIN, workspace=workspace, env=trusted)
        assert done.returncode == 0, done.stderr
    assert comparable(workspace) == stand.expected[source.name]


def list_of(body: str, edition: int = 1) -> Answer:
    return network.wiki_page(edition, body)


RENAMED = network.wiki_table(1, publisher="Fund's staff")
OTHER = network.wiki_table(1).replace("991,126", "991,127")
HISTORY = "<table><tr><th>Country</th><th>Capital</th></tr><tr><td>Japan</td><td>Tokyo</td></tr></table>" * 3


@pytest.mark.full
@pytest.mark.parametrize(("body", "words"), [
    (HISTORY + "<div>" * 40 + network.wiki_table(1) + "</div>" * 40 + HISTORY, ""),
    (RENAMED, "no table with a column of countries and one of GDP by the IMF"),
    (network.wiki_table(1) * 2, ""),
    (network.wiki_table(1) + OTHER, "two lists of GDP by the IMF that disagree: of Germany table 1 says 991126 (2025)"),
    (HISTORY, "no table with a column of countries"),
], ids=["moved", "renamed", "doubled", "doubled and other", "gone"])
def test_wikipedias_table(body: str, words: str, stand: Stand, request: pytest.FixtureRequest) -> None:
    source = SOURCES["wikipedia"]
    workspace = stand.workspace(source, request.node.callspec.id)
    before = (workspace / "sqliteDB/World_Economies.db").read_bytes()
    stand.server.routes["/wiki"] = list_of(body)
    done = bounded("etl_process.py", *source.command(stand.server), *PLAIN, workspace=workspace,
                   env={}) if words else None
    if done:
        refused(done, (words,))
        assert (workspace / "sqliteDB/World_Economies.db").read_bytes() == before
        assert list_of(body).body in bodies(workspace)
        source.well(stand.server, 1)
    stand.well(source, workspace)
    figures = {name: rows for name, rows in content(workspace).items() if name != "etl_load"}
    source.well(stand.server, 1)
    both = {name: rows for name, rows in content(stand.folder / "wikipedia-both").items() if name != "etl_load"}
    assert repr(figures) == repr(both)


@pytest.mark.full
@pytest.mark.parametrize("name", ["imf", "datamapper", "worldbank", "wikipedia", "table"])
def test_fewer_rows_than_last_time_stop_before_the_database(name: str, stand: Stand, tmp_path: Path,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    source = SOURCES[name]
    workspace = stand.workspace(source, f"{name}-fewer")
    before = (workspace / "sqliteDB/World_Economies.db").read_bytes()
    whole = network.gdp(1)
    kept = {code: text for code, text in whole.items() if code in [*whole][:182]}
    with monkeypatch.context() as patch:
        patch.setattr(network, "gdp", lambda edition: kept)
        source.well(stand.server, 1)
    done = run("etl_process.py", *source.command(stand.server), *PLAIN, workspace=workspace)
    assert done.returncode == 3 and "[shrink] " in done.stderr, done.stderr
    assert "lacks 8 of 190 economies" in done.stderr
    assert (workspace / "sqliteDB/World_Economies.db").read_bytes() == before
    source.well(stand.server, 1)
    assert (workspace / "sqliteDB/World_Economies.db").read_bytes() == before
    done = run("etl_process.py", *source.command(stand.server), *PLAIN, workspace=workspace)
    assert done.returncode == 0, done.stderr
    assert sql(workspace, "SELECT count(*) FROM Countries_by_GDP") == [(190,)]
