"""etl_process.py in odd places: closed streams, narrow terminals, workspaces that cannot be written, a terminal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.orchestra import etl, launch, table_options
from tests.project import PROJECT, run
from tests.server import Answer, Asked, Server
from tests.weo_sample import figures, sdmx

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def shell(line: str, workspace: Path, table: Path,
          env: dict[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run etl_process.py on the table by a line of shell in which RUN stands for the command."""
    words = " ".join(f"'{word}'" for word in (sys.executable, str(PROJECT / "etl_process.py"), *table_options(table),
                                              "--workspace", str(workspace)))
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("WORLD_ECONOMIES_", "PYTHON"))}
    return subprocess.run(["bash", "-c", f"set -o pipefail; {line.replace('RUN', words)}"], capture_output=True,
                          env=clean | (env or {}), stdin=subprocess.DEVNULL, timeout=60, check=False)


@pytest.mark.parametrize("line", [
    "RUN --only report 2>&1 | head -1", "RUN --only report <&- >&- 2>&-", "env -i RUN --only report",
    *(pytest.param(line, marks=pytest.mark.full) for line in (
        "RUN --only report | head -1", "RUN --only report >&-", "RUN --only report 2>&-",
        "unset HOME; RUN --only report"))])
def test_streams_that_are_closed_or_go_early_are_no_failure(line: str, table: Path, finished: Path) -> None:
    next((finished / "results/runs").glob("*/report.json")).unlink()
    done = shell(line, finished, table)
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr + done.stdout
    assert b"Broken" not in done.stderr + done.stdout
    database = finished / "sqliteDB/World_Economies.db"
    assert database.read_bytes().startswith(b"SQLite format 3\0")
    assert (finished / "results/.lock").read_bytes() == b""


@pytest.mark.parametrize(("env", "name"), [
    ({"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}, b"Turkiye"),
    ({"LC_ALL": "C", "PYTHONIOENCODING": "latin-1"}, "Türkiye".encode("latin-1")),
    ({"LC_ALL": "C"}, "Türkiye".encode()),
], ids=["ascii", "latin-1", "C"])
def test_a_narrow_terminal_shows_what_it_can(env: dict[str, str], name: bytes, table: Path, finished: Path) -> None:
    next((finished / "results/runs").glob("*/report.json")).unlink()
    done = shell("RUN", finished, table, env)
    assert done.returncode == 0, done.stderr
    assert name in done.stdout


def test_a_full_device_for_standard_output_is_a_full_disk(finished: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = subprocess.run([sys.executable, str(PROJECT / "report.py"), "--workspace", str(finished)], stdout=full,
                              stderr=subprocess.PIPE, encoding="utf-8", check=False)
    assert done.returncode == 8
    assert "The disk is full" in done.stderr


@pytest.mark.parametrize("place", ["a file", "results", "log"])
def test_a_workspace_that_cannot_be_written_is_wrong_usage(place: str, table: Path, tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    if place == "a file":
        workspace.write_text("mine")
    else:
        workspace.mkdir()
        (workspace / place).write_text("mine")
    done = etl(table, workspace)
    assert done.returncode == 2, done.stderr
    assert "The workspace cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


# The superuser writes where no mode allows it: give that right up (CAP_DAC_OVERRIDE is 1), then become the script.
NO_OVERRIDE = """
import ctypes, os, sys
if os.getuid() == 0 and (sys.platform != "linux" or ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)):
    sys.exit(77)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def test_a_read_only_workspace_can_be_looked_at(finished: Path) -> None:
    for folder in [finished, *(path for path in finished.rglob("*") if path.is_dir())]:
        folder.chmod(0o555)
    (finished / "results/.lock").chmod(0o444)
    for log in (finished / "log").iterdir():
        log.chmod(0o444)
    seen = {}
    try:
        for script, option in (("etl_process.py", "--status"), ("etl_process.py", "--dry-run"), ("load.py", "--quiet")):
            seen[option] = subprocess.run(
                [sys.executable, "-c", NO_OVERRIDE, str(PROJECT / script), "--workspace", str(finished), option],
                capture_output=True, encoding="utf-8", check=False)
    finally:
        for folder in [finished, *(path for path in finished.rglob("*") if path.is_dir())]:
            folder.chmod(0o755)
    if seen["--status"].returncode == 77:
        pytest.skip("root's right to write everywhere cannot be given up here")
    assert (seen["--status"].returncode, seen["--dry-run"].returncode) == (0, 0), seen
    assert seen["--quiet"].returncode == 2
    assert "cannot be written" in seen["--quiet"].stderr


def test_an_unchanged_source_is_asked_once_and_shortly(server: Server, tmp_path: Path) -> None:
    def answer(asked: Asked) -> Answer:
        if asked.headers.get("if-none-match") == '"1"':
            return Answer(b"", 304)
        return Answer(sdmx(figures()), headers={"Content-Type": "application/xml", "ETag": '"1"'})

    server.routes["/imf/.NGDPD.A"] = answer
    options = ("--source", "imf", "--url", f"{server.url}/imf", "--indicator", "NGDPD")
    assert run("etl_process.py", *options, workspace=tmp_path).returncode == 0
    server.asked.clear()
    done = run("etl_process.py", *options, workspace=tmp_path)
    assert "Nothing to do" in done.stderr
    assert [asked.headers.get("if-none-match") for asked in server.asked] == ['"1"']


@linux
def test_a_terminal_gets_a_progress_line_and_a_pipe_does_not(tmp_path: Path) -> None:
    import pty

    table = tmp_path / "gdp.csv"
    rows = [f"{code},{year},{100 + at}.5,2025-04" for at, code in enumerate(("USA", "CHN", "JPN", "DEU")) for year in
            range(1900, 2026)]
    table.write_text("country,year,value,vintage\n" + "\n".join(rows) + "\n", encoding="utf-8")
    main, terminal = pty.openpty()
    process = launch(*table_options(table), "--workspace", str(tmp_path / "w"), stdout=subprocess.DEVNULL,
                     stderr=terminal)
    os.close(terminal)
    said = b""
    while True:
        try:
            data = os.read(main, 65_536)
        except OSError:
            break
        if not data:
            break
        said += data
    assert process.wait(30) == 0
    os.close(main)
    assert b"\r\x1b[K" in said
    assert re.search(rb"rows, [\d,]+/s", said)
    piped = etl(table, tmp_path / "w2")
    assert "\r" not in piped.stderr
    assert "\x1b" not in piped.stderr
