"""What the tests of power cuts stand on: the disk that forgets, and the comparisons that must be able to fail."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests import summary
from tests.sweep import Outcome, files, new, old_or_new
from tests.tracing.disk import JOURNAL, NAMES, STRICT, Disk


def played(root: Path, *calls: str) -> Disk:
    """Return the disk after calls: "open PATH", "rename PATH TO", "unlink PATH", "sync PATH"."""
    disk = Disk(root)
    for call in calls:
        kind, path, *to = call.split()
        disk.play({"kind": kind, "path": path, "to": "".join(to), "result": 0, "truncates": False})
    return disk


def test_a_name_that_was_removed_and_not_synced_is_gone_or_there(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    disk = played(tmp_path, "unlink a")
    assert disk.after_power_loss(NAMES) == {}
    assert disk.after_power_loss(STRICT) == {"a": b"1"}
    assert {tuple(disk.after_power_loss(JOURNAL, seed)) for seed in range(20)} == {(), ("a",)}


def test_names_that_are_again_as_they_were_make_nothing_last(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    disk = played(tmp_path, "open x", "open other/temporary", "unlink other/temporary")
    assert {"x" in disk.after_power_loss(JOURNAL, seed) for seed in range(20)} == {True, False}
    disk.play({"kind": "sync", "path": "other", "result": 0})
    assert {"x" in disk.after_power_loss(JOURNAL, seed) for seed in range(20)} == {True}  # a journal keeps the order
    assert disk.after_power_loss(STRICT) == {"other": None}


def scene(**seen: bytes) -> Any:
    """Return a scene of which a CSV file changes from 1 to 2 and a JSON file comes."""
    return SimpleNamespace(state=lambda: 1, before=1, after=1, old={"csv": b"1"}, new={"csv": b"2", "json": b"3"},
                           opened=lambda: seen)


@pytest.mark.parametrize("seen", [{"csv": b"1"}, {"csv": b"2"}, {"csv": b"1", "json": b"3"}])
def test_each_file_may_be_the_old_or_the_new(seen: dict[str, bytes]) -> None:
    old_or_new(scene(**seen))
    with pytest.raises(AssertionError, match="not what an undisturbed run leaves"):
        new(scene(**seen))


@pytest.mark.parametrize("seen", [{}, {"csv": b""}, {"csv": b"3"}, {"csv": b"2", "json": b""},
                                  {"csv": b"2", "page": b"4"}])
def test_and_nothing_else(seen: dict[str, bytes]) -> None:
    with pytest.raises(AssertionError, match="is neither the old nor the new"):
        old_or_new(scene(**seen))


@pytest.mark.parametrize(("name", "cut"), [("report.html", b"<html>\n"), ("a.csv", b"1,2"), ("a.json", b"[1\n")])
def test_a_file_that_is_cut_is_not_whole(name: str, cut: bytes, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / name).write_bytes(cut)
    with pytest.raises((AssertionError, ValueError)):
        files(tmp_path)


def test_kills_that_reached_no_boundary_are_in_the_table() -> None:
    random = {"target": "b", "boundaries": "", "kills": 1, "recovered": 1, "divergences": 0, "worst": 0.0}
    told = [Outcome("a", boundaries=9, kills=5, recovered=5, missed=2, worst=1.0).line(),
            Outcome("a", boundaries=9, kills=4, recovered=3, missed=1, divergences=["x"], worst=0.5).line()]
    a = {"target": "a: kill", "boundaries": 9, "kills": 9, "missed": 3, "recovered": 8, "divergences": 1,
         "worst s lost": 1.0}
    b = a | {"target": "b", "boundaries": "", "kills": 1, "missed": 0, "recovered": 1, "divergences": 0,
             "worst s lost": 0.0}
    assert summary.summed([*told, random]) == [a, b, a | {"target": "all", "boundaries": "", "kills": 10,
                                                          "recovered": 9}]
