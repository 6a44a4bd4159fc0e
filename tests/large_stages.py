"""The stages of a large table in this process: as the scripts do it, without starting Python for each of hundreds."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import extract
import load
import transform
from large import pool
from pipeline.events import Reporter
from pipeline.stage import Stage, named
from tests.project import manifest
from utils import Workspace

STAGES = {"extract": extract, "transform": transform, "load": load}


class OneProcess(pool.Pool):
    """A pool whose tasks are done here, in the order in which they are given."""

    def __init__(self, workers: int, *others: Any) -> None:
        super().__init__(0, *others)


def run_stages(monkeypatch: pytest.MonkeyPatch, inputs: Sequence[Path], workspace: Path, *more: str,
               stages: Sequence[str] = ("extract", "transform", "load")) -> None:
    """Run stages on the table. Raises what they raise. more: options and values, for whom takes them."""
    monkeypatch.setattr(pool, "Pool", OneProcess)
    pairs = [("--workspace", str(workspace)), ("--target", "regions"), ("--source", "table"),
             ("--input", *map(str, inputs)), *zip(more[::2], more[1::2], strict=True)]
    for name in stages:
        parser = STAGES[name].build_parser()
        words = [word for pair in pairs if pair[0] in parser._option_string_actions for word in pair]
        stage = Stage(name, parser.parse_args(words), Workspace(workspace), Reporter(name, []))
        try:
            assert STAGES[name].body(stage) == 0
        except OSError as error:
            raise named(error) from error


def quarantine(workspace: Path) -> list[tuple[str, ...]]:
    """Return (rule, locator, raw, detail) of all that was quarantined, by extract first."""
    found: list[tuple[str, ...]] = []
    for stage in ("extract", "transform"):
        for path in manifest(workspace, stage)["facts"]["batches"][0]["quarantine"]:
            with (workspace / path).open(encoding="utf-8", newline="") as stream:
                found += map(tuple, list(csv.reader(stream))[1:])
    return found
