"""Who does the work, and by which command."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.large.generate import names_of

PROJECT = Path(__file__).resolve().parents[2]
PEERS = Path(__file__).resolve().parent / "peers"
MEBI = 2**20


@dataclass(frozen=True)
class Order:
    """One piece of work: the table, where to put the result, workers, bytes of memory and of a piece.

    Of these 0 is the runner's own choice.
    """

    table: Path
    output: Path
    workers: int = 2
    memory: int = 0
    piece: int = 0


@dataclass(frozen=True)
class Runner:
    """Who does it. most: millions of rows it is tried with. memory: bytes it is told to keep to, 0 for its own default.

    databases: where in the output they are. steps: reads the seconds of each step from the output.
    """

    name: str
    most: float
    command: Callable[[Order], list[str]]
    databases: str = "."
    memory: int = 0

    def steps(self, output: Path) -> dict[str, float]:
        """Return the seconds of each step as the runner tells them, {} where it does not."""
        result, log = output / "result.json", output / "log" / "etl_project_log.jsonl"
        if result.exists():
            found: dict[str, float] = json.loads(result.read_text(encoding="utf-8"))["seconds"]
            return found
        return _stages(log) if log.exists() else {}


def _stages(log: Path) -> dict[str, float]:
    events = (json.loads(line) for line in reversed(log.read_text(encoding="utf-8").splitlines()))
    stages: list[dict[str, Any]] = next((each["stages"] for each in events if each.get("event") == "summary"), [])
    return {stage["stage"]: stage["seconds"] for stage in stages}


def _peer(name: str) -> Callable[[Order], list[str]]:
    def command(order: Order) -> list[str]:
        return [sys.executable, str(PEERS / f"{name}_.py"), "--input", str(order.table), "--names",
                str(names_of(order.table)), "--output", str(order.output), "--workers", str(order.workers),
                "--memory", str(order.memory)]
    return command


def _ours(order: Order) -> list[str]:
    python = PROJECT / ".venv" / "bin" / "python"
    piece = ["--piece-size", str(order.piece)] if order.piece else []
    return [str(python if python.exists() else sys.executable), str(PROJECT / "etl_process.py"), "--source", "table",
            "--input", str(order.table), "--target", "regions", "--workspace", str(order.output), "--workers",
            str(order.workers), "--memory", f"{(order.memory or 2**30) // MEBI}M", "--no-html", "--quiet", *piece]


OURS = "world-economies"
RUNNERS = {each.name: each for each in (
    Runner(OURS, 1000, _ours, "sqliteDB/regions", memory=2**30),
    Runner("polars", 1000, _peer("polars")),
    Runner("duckdb", 1000, _peer("duckdb")),
    Runner("duckdb in 1 GiB", 1000, _peer("duckdb"), memory=2**30),
    Runner("pandas", 10, _peer("pandas")),
    Runner("dask", 10, _peer("dask")),
    Runner("spark", 10, _peer("spark")),
)}


def environment() -> Mapping[str, str]:
    """Return this process's environment without what would steer the pipeline, warnings or compiled files."""
    return {name: value for name, value in os.environ.items()
            if not name.startswith("WORLD_ECONOMIES_") and name not in ("PYTHONWARNINGS", "PYTHONDONTWRITEBYTECODE")}
