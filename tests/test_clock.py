"""A machine's clock that was set back, or far ahead: the newest stays the newest, and nothing is done twice."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pipeline import checkpoints
from tests.orchestra import content
from tests.project import run
from tests.server import Answer, Asked, Server
from tests.weo_sample import figures, sdmx
from utils import Workspace

CLOCKS = Path(__file__).resolve().parent / "clocks"
DAY = 86_400


def imf(server: Server, workspace: Path, ahead: int) -> subprocess.CompletedProcess[str]:
    """Run the pipeline on the server's figures by a clock that is wrong by so many seconds."""
    return run("etl_process.py", "--source", "imf", "--url", f"{server.url}/imf", "--indicator", "NGDPD", "--no-html",
               "--no-csv", workspace=workspace, env={"PYTHONPATH": str(CLOCKS), "FAULT_CLOCK": str(ahead)})


def serve(server: Server, usa: str, updated: str) -> None:
    """Answer with a printing of October 2025, and with 304 who has it."""
    def answer(asked: Asked) -> Answer:
        if asked.headers.get("if-none-match") == f'"{updated}"':
            return Answer(b"", 304)
        return Answer(sdmx(figures(USA=usa), updated=f"{updated}T13:00:00Z"),
                      headers={"Content-Type": "application/xml", "ETag": f'"{updated}"'})

    server.routes["/imf/.NGDPD.A"] = answer


@pytest.mark.full
def test_a_clock_that_was_set_back_between_runs(server: Server, tmp_path: Path) -> None:
    """The first run by the right clock; what comes after it comes by one that is two days behind, then 20."""
    loaded = [("30000.125", "2025-10-14", 0), ("31000.125", "2025-10-20", -2 * DAY),
              ("32000.125", "2025-10-25", -20 * DAY)]
    for usa, updated, ahead in loaded:
        serve(server, usa, updated)
        done = imf(server, tmp_path / "back", ahead)
        assert done.returncode == 0, done.stderr
        server.asked.clear()
        again = imf(server, tmp_path / "back", ahead)
        assert "Nothing to do" in again.stderr, again.stderr
        assert [asked.headers.get("if-none-match") for asked in server.asked] == [f'"{updated}"']
    runs = checkpoints.run_ids(Workspace(tmp_path / "back"))
    assert (len(runs), runs[0]) == (3, checkpoints.current_run(Workspace(tmp_path / "back")))
    for usa, updated, _ in loaded:
        serve(server, usa, updated)
        assert imf(server, tmp_path / "right", 0).returncode == 0
    assert content(tmp_path / "back") == content(tmp_path / "right")


def test_a_clock_before_the_day_of_an_edition_is_told(server: Server, tmp_path: Path) -> None:
    serve(server, "30000.125", "2025-10-14")
    done = imf(server, tmp_path, -10 * 365 * DAY)
    assert done.returncode == 2
    assert "is of the future: 2025-10-14; the clock of this machine says 201" in done.stderr
