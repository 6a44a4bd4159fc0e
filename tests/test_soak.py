"""Run after run against a source that changes every few: nothing grows but what the vintages need, nothing is lost."""

from __future__ import annotations

import json
import os
import random
import statistics
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.orchestra import CODES, half_written
from tests.project import run, sql
from tests.retained import lasting
from tests.server import Answer, Asked, Server

GDP, COUNTRIES = "/country/all/indicator/NY.GDP.MKTP.CD", "/country"
YEARS = range(2015, 2025)
LIST_OF_ECONOMIES = json.dumps([{"page": 1, "pages": 1, "per_page": "400", "total": len(CODES)}, [
    {"id": code, "iso2Code": code[:2], "name": code, "region": {"id": "XYZ", "value": "of the world"}}
    for code in CODES]]).encode()
A_VINTAGE = 10  # files: five manifests, two parts, the record of its answer, two bodies
AROUND = 40  # files of a workspace with a run or two that are no vintage's: pictures, database, logs, locks


@dataclass
class Publisher:
    """A World Bank of 20 economies whose answers a test changes; bytes may differ where figures do not."""

    chance: random.Random
    editions: list[bytes] = field(default_factory=list)
    shown: int = -1
    noise: int = 0
    often: bool = False  # whether it changes nearly each time

    def publish(self) -> None:
        """Print a new edition: a later day, a few figures revised."""
        number = len(self.editions)
        updated = (date(2024, 1, 1) + timedelta(days=7 * number)).isoformat()
        rows = [{"indicator": {"id": "NY.GDP.MKTP.CD", "value": "GDP"}, "country": {"id": code[:2], "value": code},
                 "countryiso3code": code, "date": str(year), "obs_status": "",
                 "value": (900 - 10 * at + year - 2015) * 10**9 + (number * 10**6 if at % 7 == number % 7 else 0)}
                for at, code in enumerate(CODES) for year in YEARS]
        stated = {"page": 1, "pages": 1, "per_page": "10000", "total": len(rows), "lastupdated": updated}
        self.editions.append(json.dumps([stated, rows]).encode())
        self.shown = number

    def change(self) -> bool:
        """Do what publishers do between two askings; returns whether the figures are others now."""
        kind = self.chance.random() / (4 if self.often else 1)
        if not self.editions or kind < 0.06:
            self.publish()
        elif kind < 0.20 and len(self.editions) > 1:  # a mirror that is behind, or the newest again
            others = [number for number in range(len(self.editions)) if number != self.shown]
            self.shown = self.chance.choice(others[-3:])
        elif kind < 0.60:  # the same figures in other bytes
            self.noise += 1
            return False
        else:
            return False
        return True

    def body(self) -> bytes:
        """Return what it answers now."""
        return self.editions[self.shown] + b" " * (self.noise % 50)

    def serve(self, server: Server) -> None:
        """Answer from a server, conditionally."""
        def answer(asked: Asked) -> Answer:
            body = self.body() if GDP in asked.path else LIST_OF_ECONOMIES
            etag = f'"{hash(body) & 0xffffffff:x}"'
            if asked.headers.get("if-none-match") == etag:
                return Answer(status=304, headers={"ETag": etag})
            return Answer(body, headers={"ETag": etag, "Content-Type": "application/json"})

        server.routes[GDP] = server.routes[COUNTRIES] = answer


@dataclass(frozen=True)
class Measured:
    """A run: what it did, seconds, files and bytes of the workspace after it, log apart; peak memory of its stages."""

    changed: bool
    vintages: int
    seconds: float
    files: int
    bytes: int
    log_bytes: int
    memory: int
    handles: int


def ask(server: Server, workspace: Path, *more: str) -> None:
    done = run("etl_process.py", "--source", "worldbank", "--url", server.url, "--indicator", "NGDPD", "--no-html",
               "--no-csv", "--quiet", "--accept", "economies", "--accept", "world", *more, workspace=workspace)
    assert done.returncode == 0, done.stderr


def sizes(folder: Path) -> tuple[int, int]:
    """Return how many files are in a folder, and their bytes."""
    found = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return len(found), sum(found)


def handles(workspace: Path) -> int:
    """Return how many descriptors any process has on files of the workspace (Linux)."""
    count = 0
    for each in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            count += str(each.readlink()).startswith(f"{workspace}/")
    return count


def measure(workspace: Path, changed: bool, vintages: int, seconds: float) -> Measured:
    last: dict[str, Any] = json.loads((workspace / "log/last_run.json").read_text())
    memory = max(line.get("peak_memory", 0) for line in last["stages"])
    files, size = sizes(workspace)
    log = sizes(workspace / "log")[1]
    return Measured(changed, vintages, seconds, files, size - log, log, memory, handles(workspace))


def soak(server: Server, publisher: Publisher, workspace: Path, runs: int, keep: int) -> Iterator[Measured]:
    """Run again and again, the source changing in between; yields what each run took."""
    publisher.serve(server)
    for _ in range(runs):
        changed = publisher.change()
        begun = time.perf_counter()
        ask(server, workspace, "--keep", str(keep))
        yield measure(workspace, changed, len(publisher.editions), time.perf_counter() - begun)
        assert half_written(workspace) == []


def straight(server: Server, publisher: Publisher, workspace: Path) -> None:
    """Build a database from each edition, once and in order."""
    for number in range(len(publisher.editions)):
        publisher.shown = number
        ask(server, workspace, "--keep", "all")


def told(runs: list[Measured]) -> str:
    """Return a table of fifths."""
    lines = ["runs       vintages  files   bytes  log bytes  nothing s  changed s  peak MiB  handles"]
    step = max(len(runs) // 10, 1)
    for at in range(0, len(runs), step):
        part = runs[at:at + step]
        idle = [each.seconds for each in part if not each.changed] or [0.0]
        busy = [each.seconds for each in part if each.changed] or [0.0]
        end = part[-1]
        lines.append(f"{at + 1:4}-{at + len(part):<5} {end.vintages:8} {end.files:6} {end.bytes:8} {end.log_bytes:9} "
                     f"{statistics.median(idle):9.2f} {statistics.median(busy):10.2f} "
                     f"{max(each.memory for each in part) / 2**20:9.1f} {max(each.handles for each in part):8}")
    return "\n".join(lines)


def judged(runs: list[Measured], keep: int) -> None:
    """Fail where anything grew but by what the vintages need."""
    assert all(each.handles == 0 for each in runs)
    for each in runs:
        assert each.files <= AROUND + A_VINTAGE * (each.vintages + keep) + keep, each
        assert each.log_bytes < 12 * 5 * 2**20 + 2**20


def same_as_straight(server: Server, publisher: Publisher, workspace: Path, fresh: Path) -> None:
    """Compare the database, and the one that is rebuilt from what was kept, with one built straight from the editions.
    """
    publisher.shown, publisher.noise = len(publisher.editions) - 1, 0
    ask(server, workspace)
    straight(server, publisher, fresh)
    expected = lasting(fresh)
    assert lasting(workspace) == expected
    rebuilt = run("load.py", "--rebuild", "--quiet", workspace=workspace)
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert lasting(workspace) == expected


def test_a_source_that_says_again_what_it_said_leaves_what_the_vintages_need(server: Server, tmp_path: Path) -> None:
    publisher, workspace = Publisher(random.Random(2026)), tmp_path / "workspace"
    publisher.serve(server)
    publisher.publish()
    ask(server, workspace, "--keep", "1")
    publisher.publish()
    ask(server, workspace, "--keep", "1")
    both = lasting(workspace)
    assert len(list((workspace / "results/runs").glob("2*"))) == 2  # each has the only bytes of its vintage
    publisher.shown = 0
    ask(server, workspace, "--keep", "1")
    assert len(list((workspace / "results/runs").glob("2*"))) == 2  # the first one's figures are the third's too
    assert len(list((workspace / "results/archive").glob("*.json"))) == 2
    judged([measure(workspace, True, 2, 0)], 1)
    assert run("load.py", "--rebuild", "--quiet", workspace=workspace).returncode == 0
    assert lasting(workspace) == both


@pytest.mark.full
def test_seeded_runs_end_as_one_built_straight(server: Server, tmp_path: Path) -> None:
    publisher, keep = Publisher(random.Random(7), often=True), 2
    runs = list(soak(server, publisher, tmp_path / "workspace", 12, keep))
    judged(runs, keep)
    assert len(publisher.editions) > 2
    same_as_straight(server, publisher, tmp_path / "workspace", tmp_path / "fresh")


@pytest.mark.chaos
def test_500_runs_in_a_row(server: Server, tmp_path: Path) -> None:
    publisher, keep, runs = Publisher(random.Random(500)), 10, list[Measured]()
    count = int(os.environ.get("SOAK_RUNS", "500"))
    try:
        runs.extend(soak(server, publisher, tmp_path / "workspace", count, keep))
    finally:
        print(told(runs))
    judged(runs, keep)
    first, last = runs[count // 5], runs[-1]
    assert last.files - A_VINTAGE * last.vintages <= first.files - A_VINTAGE * first.vintages + 2 * A_VINTAGE
    assert max(each.memory for each in runs[-50:]) < 1.2 * max(each.memory for each in runs[:50])
    assert sql(tmp_path / "workspace", "SELECT count(*) FROM dim_vintage") == [(len(publisher.editions),)]
    same_as_straight(server, publisher, tmp_path / "workspace", tmp_path / "fresh")
