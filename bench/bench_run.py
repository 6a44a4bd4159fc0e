"""Measure the usual runs as a user sees them: seconds from the command to its end, and each stage's seconds and memory.

    python bench/bench_run.py [--rounds 5] [--make-run]

Every figure is the median of the rounds. See bench/README.md for the cases.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from bench.rounds import headline, overview, right, rounds  # noqa: E402  the path comes first
from tests import synthetic  # noqa: E402
from tests.server import Server  # noqa: E402

STAGES = ("extract", "transform", "load", "report")
NOT_COPIED = shutil.ignore_patterns(".git", ".venv*", "results", "sqliteDB", "log", "__pycache__", ".*_cache", "build",
                                    ".hypothesis", "*.egg-info")


@dataclass
class Case:
    """One command, measured in a new workspace and again in the same one.

    aim, aim_again: seconds on 2 cores, None where there is none. rounds, again: what each round gave.
    """

    name: str
    arguments: Sequence[str]
    aim: float | None
    aim_again: float | None
    rounds: list[Measured] = field(default_factory=list)
    again: list[Measured] = field(default_factory=list)


@dataclass(frozen=True)
class Measured:
    """One run: seconds of the whole, and what the log's summary says of each stage."""

    seconds: float
    stages: dict[str, dict[str, Any]]


def run(arguments: Sequence[str], workspace: Path) -> Measured:
    """Run the pipeline once, as a process, and measure it. Raises CalledProcessError for a run that fails."""
    command = [sys.executable, str(PROJECT / "etl_process.py"), "--workspace", str(workspace), "--no-html", "--quiet"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WORLD_ECONOMIES_")}
    begun = time.perf_counter()
    subprocess.run([*command, *arguments], check=True, stdout=subprocess.DEVNULL, env=clean)
    seconds = time.perf_counter() - begun
    return Measured(seconds, summary(workspace))


def summary(workspace: Path) -> dict[str, dict[str, Any]]:
    """Return the stages of the last summary in the JSON log."""
    lines = (workspace / "log" / "etl_project_log.jsonl").read_text(encoding="utf-8").splitlines()
    events = (json.loads(line) for line in reversed(lines))
    stages = next(event["stages"] for event in events if event.get("event") == "summary")
    return {stage["stage"]: stage for stage in stages}


def measure(case: Case) -> None:
    """Run a case once in a new workspace, and once more."""
    with tempfile.TemporaryDirectory() as folder:
        case.rounds.append(run(case.arguments, Path(folder)))
        case.again.append(run(case.arguments, Path(folder)))
    ran = [stage for stage in case.again[-1].stages.values() if stage["what"] == "ran"]
    assert not ran, f"{case.name}: the second run did work: {ran}"


def in_seconds(cases: Sequence[Case]) -> Iterator[tuple[str, list[float], float | None]]:
    """Yield every case with its seconds in each round, and its aim; then the same of its second run."""
    for case in cases:
        yield case.name, [each.seconds for each in case.rounds], case.aim
        yield f"{case.name}, nothing to do", [each.seconds for each in case.again], case.aim_again


def stages(cases: Sequence[Case]) -> str:
    """Return the table of each stage: medians of seconds, processor seconds and peak memory, and the rows."""
    rows = []
    for case in cases:
        for stage in STAGES:
            told = [each.stages[stage] for each in case.rounds]
            rows.append([case.name if stage == STAGES[0] else "", stage, f"{told[0]['rows_out'] or 0:,}",
                         *(f"{median(each[name] for each in told):.2f}" for name in ("seconds", "cpu_seconds")),
                         f"{median(each['peak_memory'] for each in told) / 2**20:.0f} MiB"])
    return right(rows, ["case", "stage", "rows out", "seconds", "processor s", "peak memory"], names=2)


@contextmanager
def cases() -> Iterator[list[Case]]:
    """Yield the cases, with a server on loopback behind the one that asks it."""
    with Server() as server, tempfile.TemporaryDirectory() as folder:
        synthetic.publish(server)
        report = Path(folder) / "WEO_Data.xls"
        report.write_bytes(synthetic.weo_report())
        web = ["--source", "imf", "--url", f"{server.url}/imf", "--indicator", "NGDPD"]
        yield [Case("GDP by HTTP", web, 2.5, 0.6), Case("bundle", ["--source", "bundled"], 5.0, 0.3),
               Case("file", ["--source", "weo", "--input", str(report)], None, 0.3)]


def make_run() -> str:
    """Time the first and the second `make run` in a copy of the project, on the bundle; the first one installs."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "world-economies"
        shutil.copytree(PROJECT, copy, ignore=NOT_COPIED)
        rows = []
        for name in ("first make run", "second make run"):
            command = ["make", "run", f"PYTHON={sys.executable}", "ARGS=--source bundled --no-html --quiet"]
            begun = time.perf_counter()
            subprocess.run(command, cwd=copy, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            rows.append([name, f"{time.perf_counter() - begun:.2f}"])
    return right(rows, ["", "seconds"])


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="of every case (default: 5)")
    parser.add_argument("--make-run", action="store_true", help="time the first and second `make run` too")
    options = parser.parse_args()
    with cases() as measured:
        for _ in rounds(options.rounds):
            for case in measured:
                measure(case)
    print(f"{headline(options.rounds)}\n\n{overview(in_seconds(measured))}\n\n{stages(measured)}")
    if options.make_run:
        print(f"\n{make_run()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
