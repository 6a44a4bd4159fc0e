"""What all tests share: the project on the path, a real HTTP server on loopback, the captures where present."""

from __future__ import annotations

import fcntl
import gc
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from engines import TableEngine
    from pipeline.http import Http

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # before what follows

from tests import browser, pages, summary
from tests.browser import Shown, file_of, shown
from tests.history_db import history
from tests.orchestra import etl, write_table
from tests.project import CAPTURES, run
from tests.server import Server

LONGEST_ID = 40  # characters of one value in a test's name


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name long texts by how they begin, and bytes that are none by their argument: a name is to be read and typed."""
    if isinstance(val, bytes):
        return None if len(val) <= LONGEST_ID and val.isascii() and val.decode().isprintable() else argname
    if isinstance(val, str) and len(val) > LONGEST_ID:
        return val[:LONGEST_ID].encode("unicode_escape").decode("ascii") + "..."
    return None


@pytest.hookimpl(hookwrapper=True)
def pytest_collection() -> Iterator[None]:
    """Let no collection of garbage look at what stays: the modules and thousands of tests, again and again."""
    gc.disable()
    yield
    gc.enable()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [each for outcome in ("passed", "failed") for each in terminalreporter.getreports(outcome)]
    if told := summary.lines(reports):
        terminalreporter.section("what was struck")
        terminalreporter.write("\n".join([*told, ""]))


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy and no certificates of the machine that runs the tests."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def waits() -> list[float]:
    """What the client `http` would have slept, in seconds."""
    return []


@pytest.fixture
def http(waits: list[float]) -> Iterator[Http]:
    """A client that does not sleep, in an environment without proxies where the test asks for that."""
    from pipeline.http import Http

    with Http(timeout=5, total=60, sleep=waits.append) as client:
        yield client


@pytest.fixture(params=("polars", "pandas"))
def engine(request: pytest.FixtureRequest) -> TableEngine:
    """An engine of large tables, one after the other."""
    from engines import open_table_engine

    return open_table_engine(request.param)


@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder of real answers; tests that want it skip in a fresh clone."""
    if not CAPTURES.is_dir():
        pytest.skip("the captures of real answers are not beside this clone")
    return CAPTURES


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small table of figures: 20 economies, two vintages."""
    return write_table(tmp_path_factory.mktemp("table") / "gdp.csv")


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which the bundled vintages were loaded; only look at it."""
    worker, root = os.environ.get("PYTEST_XDIST_WORKER"), tmp_path_factory.getbasetemp()
    workspace = (root.parent if worker else root) / "bundle"  # one for all processes that test: it takes five seconds
    with workspace.with_name("bundle.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        if not lock.read():
            done = run("etl_process.py", "--source", "bundled", "--no-html", "--no-csv", "--quiet", workspace=workspace)
            assert done.returncode == 0, done.stderr
            lock.write("made")
    return workspace


@pytest.fixture(scope="session")
def held(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a small history, filled by hand; only look at it."""
    return history(tmp_path_factory.mktemp("held") / "workspace")


@pytest.fixture(scope="session")
def undisturbed(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which that table was loaded without any disturbance; copy it, never write into it."""
    workspace = tmp_path_factory.mktemp("undisturbed") / "workspace"
    done = etl(table, workspace)
    assert done.returncode == 0, done.stderr
    (workspace / "first.txt").write_text(done.stderr, encoding="utf-8")
    return workspace


@pytest.fixture
def finished(undisturbed: Path, tmp_path: Path) -> Path:
    """A copy of the finished workspace, elsewhere."""
    return Path(shutil.copytree(undisturbed, tmp_path / "workspace"))


# --- the page in a browser --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser.started() as running:
        yield running


@pytest.fixture(scope="module")
def ten(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the ten bundled editions and their page; only look at it."""
    workspace = pages.copied(tmp_path_factory.mktemp("page") / "workspace", bundle)
    pages.page_of(workspace)
    return workspace


@pytest.fixture
def page(chromium: Browser, ten: Path) -> Iterator[Shown]:
    """The page of the ten editions at a desk, from disk; it does what no page may, and the test fails."""
    with shown(chromium, file_of(ten)) as opened:
        yield opened
        assert opened.faults == []
        assert [each for each in opened.asked if not each.startswith("blob:")] == [file_of(ten).as_uri()]
