"""The command that goes on, and what a failure says, as functions; faults on purpose strike only where told."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pipeline import command
from pipeline.events import Event
from pipeline.failure import tell
from pipeline.runner import Outcome
from tests.orchestra import etl


@pytest.mark.parametrize(("given", "drop", "kept"), [
    (["--fresh", "--year", "2024"], command.BEGINNINGS, ["--year", "2024"]),
    (["--from", "load", "--quiet"], command.BEGINNINGS, ["--quiet"]),
    (["--from=load", "--quiet"], command.BEGINNINGS, ["--quiet"]),
    (["--from-archive", "--quiet"], command.BEGINNINGS, ["--quiet"]),
    (["--from-archive", "20261120T1-imf", "--quiet"], command.BEGINNINGS, ["--quiet"]),
    (["--input", "a b", "c"], command.BEGINNINGS, ["--input", "a b", "c"]),
    (["--only"], command.BEGINNINGS, []),
])
def test_options_are_left_out_with_their_words(given: list[str], drop: dict[str, int], kept: list[str]) -> None:
    assert command.without(given, drop) == kept


def test_a_command_is_quoted_and_names_the_variables_it_relies_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["etl_process.py"])
    monkeypatch.setattr(sys, "executable", "/opt/my python/bin/python")
    for name in [name for name in os.environ if name.startswith("WORLD_ECONOMIES_")]:
        monkeypatch.delenv(name)
    shown = command.again(["--input", "it's.csv", "--url", "http://me:pw@host/x"])
    assert shown == """'/opt/my python/bin/python' etl_process.py --input 'it'"'"'s.csv' --url 'http://***@host/x'"""
    monkeypatch.setenv("WORLD_ECONOMIES_URL", "http://me:pw@host/")
    monkeypatch.setenv("WORLD_ECONOMIES_LOCK_FD", "3")
    assert command.again([]).endswith(" etl_process.py   # with WORLD_ECONOMIES_URL as now")


def test_a_stage_that_said_nothing_is_quoted_by_its_last_words() -> None:
    def said(stderr: str) -> list[str]:
        return tell(Outcome("load", 1, stderr=stderr), [], only=False, limit=1, interrupted=False, log=Path("l")).lines

    assert said("Traceback\nModuleNotFoundError: No module named 'pandas'\n")[0] == (
        "It ended with code 1 and said: ModuleNotFoundError: No module named 'pandas'")
    assert said("")[0] == "It ended with code 1 and said nothing."


def test_advice_that_is_no_command_of_ours_is_a_hint() -> None:
    outcome = Outcome("load", 6, events=[Event("failed", "load", "", {"lines": [
        "The database has schema 9", "where: x", "next:  update World Economies, or choose another --workspace",
        "log:   y"]})])
    lines = tell(outcome, ["--fresh"], only=False, limit=1, interrupted=False, log=Path("l")).lines
    assert lines[:4] == ["The database has schema 9", "where: x",
                         "hint:  update World Economies, or choose another --workspace", "log:   l"]
    assert lines[4].endswith("--from load")
    assert "--fresh" not in lines[4]


def test_the_faults_folder_strikes_only_where_it_is_told(table: Path, tmp_path: Path) -> None:
    done = etl(table, tmp_path, fault={"script": "none.py", "act": "kill", "at": "1"})
    assert done.returncode == 0
