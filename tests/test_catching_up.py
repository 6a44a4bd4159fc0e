"""What one of several targets did not get, it gets with the next load: no vintage is missing in any of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline import checkpoints
from tests.in_process import walk
from tests.project import run, sql

BOTH = "sqlite,parquet:lake"
VINTAGES = "SELECT vintage, (SELECT count(*) FROM fact_gdp AS f WHERE f.from_vintage <= v.vintage " \
           "AND (f.to_vintage IS NULL OR f.to_vintage > v.vintage)) FROM dim_vintage AS v ORDER BY 1"


def load(workspace: Path, target: str, vintage: str, gdp: float, *more: str) -> tuple[int, str]:
    table = workspace / f"{vintage}.csv"
    table.write_text(f"Country,Year,GDP\nKenya,2024,{gdp}\nGhana,2024,90.5\n")
    return walk(workspace, "--source", "table", "--input", table, "--vintage", vintage, "--unit", "billion",
                "--dataset", "own", "--target", target, *more)


def in_lake(workspace: Path) -> list[tuple[str, int]]:
    """Return the vintages of the lake with how many figures each has, by its ranges."""
    import pyarrow.parquet as pq

    folder = workspace / "lake"
    tables = json.loads((folder / "manifest.json").read_text())["tables"]
    facts, known = (pq.read_table(folder / tables[name]["file"]).to_pylist() for name in ("fact_gdp", "dim_vintage"))
    return [(key, sum(row["from_vintage"] <= key and (row["to_vintage"] is None or row["to_vintage"] > key)
                      for row in facts)) for key in sorted(row["vintage"] for row in known)]


def test_a_target_that_was_away_lacks_nothing_after_the_next_load(tmp_path: Path) -> None:
    assert load(tmp_path, "regions", "2024-12-01", 50)[0] == 0  # no clean records for a history
    assert load(tmp_path, BOTH, "2025-01-01", 100)[0] == 0
    manifest = tmp_path / "lake" / "manifest.json"
    kept = manifest.read_bytes()
    manifest.write_text("{}")
    code, said = load(tmp_path, BOTH, "2025-02-01", 101)  # the second of two targets fails, and that run is left
    assert (code, "sqlite: loaded" in said) == (6, True), said
    manifest.write_bytes(kept)
    assert load(tmp_path, "sqlite", "2025-03-01", 102)[0] == 0  # and it was not named
    assert [key for key, _ in in_lake(tmp_path)] == ["2025-01-01  2025-01-01"]
    assert load(tmp_path, BOTH, "2025-04-01", 103)[0] == 0
    held = sql(tmp_path, VINTAGES)
    assert [count for _, count in held] == [2, 2, 2, 2]
    assert in_lake(tmp_path) == held
    manifest.write_bytes(kept)  # as a backup of last month
    done = run("load.py", "--target", BOTH, workspace=tmp_path)
    assert done.returncode == 0 and in_lake(tmp_path) == held, done.stderr
    done = run("load.py", "--rebuild", "--target", "parquet:lake", workspace=tmp_path)  # all that it held comes again
    assert done.returncode == 0 and in_lake(tmp_path) == held == sql(tmp_path, VINTAGES), done.stderr


@pytest.mark.full
def test_what_one_target_refuses_stays_among_what_another_holds(tmp_path: Path) -> None:
    other, own = tmp_path / "other", tmp_path / "own"
    other.mkdir()
    own.mkdir()
    lake = f"parquet:{tmp_path / 'lake'}"
    assert load(other, lake, "2025-01-01", 200)[0] == 0
    assert load(own, "sqlite", "2025-01-01", 100)[0] == 0
    held = sql(own, VINTAGES)
    done = run("load.py", "--target", lake, workspace=own)  # a warehouse in which another word is held
    assert (done.returncode, "[conflict]" in done.stderr) == (3, True), done.stderr
    assert load(own, "sqlite", "2025-02-01", 101)[0] == 0
    (own / "sqliteDB/World_Economies.db").write_bytes(b"no database" * 1000)
    done = run("load.py", "--rebuild", workspace=own)
    assert done.returncode == 0, done.stderr
    assert sql(own, VINTAGES) == [*held, ("2025-02-01  2025-02-01", 2)]


def test_what_former_runs_said_is_judged_against_what_another_workspace_put_there(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other, own = tmp_path / "other", tmp_path / "own"
    other.mkdir()
    own.mkdir()
    lake = f"parquet:{tmp_path / 'lake'}"
    with monkeypatch.context() as same_second:  # a run of the same name says nothing of what came with it
        same_second.setattr(checkpoints, "stamp_after", lambda _newest: "20250301T000000Z")
        assert load(other, lake, "2025-01-01", 200)[0] == load(own, "sqlite", "2025-01-01", 100)[0] == 0
    before = in_lake(tmp_path)
    assert load(own, "sqlite", "2025-02-01", 101)[0] == 0
    done = run("load.py", "--target", lake, workspace=own)  # of both runs the newer one contradicts nothing
    assert (done.returncode, "2025-01-01 NGDPD KEN 2024 is 200 by table and 100 by table" in done.stderr) == (3, True)
    assert f"where: {tmp_path / 'lake'}\n" in done.stderr
    assert in_lake(tmp_path) == before
    done = run("load.py", "--rebuild", workspace=own)  # it is no fault of the current run, nor of its own database
    assert done.returncode == 0 and len(sql(own, VINTAGES)) == 2, done.stderr
    done = run("load.py", "--target", lake, "--accept", "conflict", workspace=own)
    assert (done.returncode, "accepted by --accept conflict" in done.stderr) == (0, True), done.stderr
    assert [key[:10] for key, _ in in_lake(tmp_path)] == ["2025-01-01", "2025-02-01"]
    assert run("load.py", "--target", lake, "--rebuild", workspace=own).returncode == 0  # of its own word only
    aside, = (own / "results/quarantine/table-own/2025-01-01").glob("load*.csv")
    assert ",100,table says so of NGDPD KEN 2024; 200 by table is kept" in aside.read_text()


def test_what_a_load_let_through_that_was_killed_before_its_manifest_is_known(tmp_path: Path) -> None:
    assert load(tmp_path, "sqlite", "2025-01-01", 100)[0] == 0
    assert load(tmp_path, "sqlite", "2025-01-01", 300)[0] == 3
    assert load(tmp_path, "sqlite", "2025-01-01", 300, "--accept", "conflict")[0] == 0
    max(tmp_path.glob("results/runs/*/load.json")).unlink()
    code, said = load(tmp_path, BOTH, "2025-02-01", 101)
    assert (code, "accepted by --accept conflict" in said) == (0, True), said
    assert in_lake(tmp_path) == sql(tmp_path, VINTAGES) and len(in_lake(tmp_path)) == 2
