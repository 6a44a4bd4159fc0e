"""A run that was killed, damaged or moved: the same command finishes it, and the database is that of a quiet run."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tests import orchestra
from tests.orchestra import content, environment, etl, half_written, launch, next_command, write_table
from tests.project import run, sql

STAGES = ("extract", "transform", "load", "report")


def points(stage: str) -> list[int]:
    """Return two seeded moments in a stage: its first file, and one later."""
    return [1, random.Random(f"2026 {stage}").randint(2, 7)]


@pytest.mark.full  # by default test_sweep.py kills it
@pytest.mark.parametrize(("stage", "at"), [(stage, at) for stage in STAGES for at in points(stage)])
def test_a_stage_killed_at_any_file_is_finished_by_the_same_command(
        stage: str, at: int, table: Path, undisturbed: Path, tmp_path: Path) -> None:
    killed = etl(table, tmp_path, fault={"script": f"{stage}.py", "act": "kill", "at": str(at)})
    assert killed.returncode in (0, 1)  # 0: the stage had fewer files than that
    if killed.returncode:
        assert f"{stage} failed (exit 1). Its process was ended by SIGKILL" in killed.stderr
        assert half_written(tmp_path) == []
    again = etl(table, tmp_path)
    assert again.returncode == 0, again.stderr
    assert content(tmp_path) == content(undisturbed)


@pytest.mark.parametrize("stage", [
    "transform", *(pytest.param(stage, marks=pytest.mark.full) for stage in ("extract", "load", "report"))])
def test_the_command_it_names_goes_on_from_there(stage: str, table: Path, undisturbed: Path, tmp_path: Path) -> None:
    workspace = tmp_path / "Größen & more"
    killed = etl(table, workspace, "--fresh", fault={"script": f"{stage}.py", "act": "kill", "at": "1"})
    command = next_command(killed.stderr)
    assert f"log:   {workspace}/log/etl_project_log.txt" in killed.stderr
    assert ("--fresh" in command) is (stage == "extract")
    done = orchestra.typed(command)
    assert done.returncode == 0, done.stderr
    if stage != "extract":
        assert f"extract   skipped: --from {stage}" in done.stderr
    assert content(workspace) == content(undisturbed)


@pytest.mark.full  # by default test_sweep.py kills it
def test_an_old_database_stays_whole_until_the_new_one_is(table: Path, finished: Path, tmp_path: Path) -> None:
    before = content(finished)
    changed = write_table(tmp_path / "gdp.csv", first=950)
    for at in ("1", "3", "4"):
        assert etl(changed, finished, fault={"script": "load.py", "act": "kill", "at": at}).returncode == 1
        assert content(finished) == before
    assert etl(changed, finished).returncode == 0
    assert sql(finished, "SELECT GDP_USD_billion FROM Countries_by_GDP WHERE ISO3 = 'USA'") == [(950.25,)]


@pytest.mark.full  # by default test_readers.py polls
def test_no_reader_sees_half_of_a_load(finished: Path, tmp_path: Path) -> None:
    # Sum of the picture: 20 economies from `first` down by 10, each with .25.
    sums = {first: sum(first - 10 * at + 0.25 for at in range(20)) for first in (900, 950)}
    path, seen, faults, stop = finished / "sqliteDB/World_Economies.db", set(), [], threading.Event()

    def read() -> None:
        while not stop.is_set():
            try:
                with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
                    seen.add(db.execute("SELECT count(*), sum(GDP_USD_billion) FROM Countries_by_GDP").fetchone())
            except sqlite3.Error as error:
                faults.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    done = etl(write_table(tmp_path / "gdp.csv", first=950), finished)
    stop.set()
    reader.join()
    assert done.returncode == 0, done.stderr
    assert (faults, seen) == ([], {(20, sums[900]), (20, sums[950])})


# --- damage -------------------------------------------------------------------------------------------------------


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


DAMAGES = {"flipped": flip, "cut": cut, "missing": Path.unlink}


def part(workspace: Path, kind: str) -> Path:
    """Return a checkpoint of this kind: a staged part, a clean part, or the manifest of a stage."""
    if kind in ("staged", "clean"):
        return sorted((workspace / "results" / kind).rglob("*.csv"))[0]
    return next((workspace / "results/runs").glob(f"*/{kind}.json"))


@pytest.mark.parametrize(("kind", "damage"), [
    ("staged", "flipped"), ("clean", "cut"), ("load", "missing"), *(
        pytest.param(*each, marks=pytest.mark.full) for each in (
            ("staged", "missing"), ("extract", "cut"), ("transform", "flipped"), ("report", "flipped")))])
def test_a_damaged_checkpoint_is_named_and_made_again(
        kind: str, damage: str, table: Path, undisturbed: Path, finished: Path) -> None:
    struck = part(finished, kind)
    DAMAGES[damage](struck)
    done = etl(table, finished)
    assert done.returncode == 0, done.stderr
    assert content(finished) == content(undisturbed)
    maker = {"staged": "extract", "clean": "transform"}.get(kind, kind)
    assert f"✓ {maker}" in done.stderr
    assert struck.name in done.stderr or damage == "missing"
    again = etl(table, finished)
    assert "Nothing to do" in again.stderr, again.stderr


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_stage_by_hand_names_the_damage_and_the_command(damage: str, table: Path, finished: Path) -> None:
    struck = part(finished, "staged")
    DAMAGES[damage](struck)
    done = run("transform.py", workspace=finished)
    assert done.returncode == 5
    assert str(struck.relative_to(finished)) in done.stderr
    assert "next:" in done.stderr


# --- other workspaces, other runs -----------------------------------------------------------------------------------


def test_a_workspace_moved_between_stages_goes_on_there(table: Path, undisturbed: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    for stage in STAGES:
        there = tmp_path / f"after moving to {stage}"
        if here.exists():
            shutil.move(here, there)
            here = there
        done = etl(table, here, "--only", stage)
        assert done.returncode == 0, done.stderr
        assert "✓ " + stage in done.stderr
    assert content(here) == content(undisturbed)
    assert "Nothing to do" in etl(table, here).stderr


def test_an_unfinished_run_of_another_identity_is_named_and_kept(table: Path, tmp_path: Path) -> None:
    etl(table, tmp_path, fault={"script": "load.py", "act": "kill", "at": "1"})
    first = (tmp_path / "results/runs/current").read_text().strip()
    other = write_table(tmp_path / "other.csv", first=800)
    done = etl(other, tmp_path)
    assert done.returncode == 0
    assert f"the unfinished run {first} is kept" in done.stderr
    back = etl(table, tmp_path)
    assert back.returncode == 0
    assert (tmp_path / "results/runs/current").read_text().strip() == first


@pytest.mark.full  # by default test_sweep.py kills it
def test_a_killed_orchestrator_leaves_a_run_that_goes_on(table: Path, undisturbed: Path, tmp_path: Path) -> None:
    process = launch("--workspace", str(tmp_path), *orchestra.table_options(table),
                     env=environment({"script": "etl_process.py", "act": "kill", "at": "3"}))
    process.communicate(timeout=60)
    assert process.returncode in (-9, 0)
    done = etl(table, tmp_path)
    assert done.returncode == 0, done.stderr
    assert content(tmp_path) == content(undisturbed)


def test_a_manifest_altered_by_hand_is_not_believed(table: Path, finished: Path) -> None:
    path = part(finished, "transform")
    facts = json.loads(path.read_text(encoding="utf-8"))
    facts["facts"]["batches"][0]["vintage"]["label"] = "2024-11"
    path.write_text(json.dumps(facts), encoding="utf-8")
    done = run("load.py", workspace=finished)
    assert done.returncode == 5
    assert "transform.json" in done.stderr
    assert sql(finished, "SELECT DISTINCT label FROM dim_vintage ORDER BY label") == [("2024-10",), ("2025-04",)]
