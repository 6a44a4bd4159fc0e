"""The databases of the regions: their names and keys, filling them, and all six published at once or not at all."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pipeline.countries import load_identity
from pipeline.errors import CheckpointError, DiskFull, TargetRefused
from rules.identity import REGIONS
from targets import _exchange, _regional
from targets._regional import Column, Facts, Sent, column_names, create, fill, finish, insert, quoted
from targets.regions import Target, folder_of
from tests.orchestra import environment
from tests.project import PROJECT, run
from tests.regions_db import COLUMNS, VINTAGE, lying_about, made, runs, select, show
from utils import Workspace

HOSTILE = ['a"b', "select", "x; DROP TABLE picture; --", "", "Country", "YEAR", "a\0b\n c", "é" * 300, "é" * 300,
           "\ud800", "?", "/*key*/", "gdp_usd_BILLION", "  "]
NAMED = ['a"b', "select", "x; DROP TABLE picture; --", "column_4", "Country_2", "YEAR_2", "a b c", "é" * 120,
         "é" * 120 + "_2", "?", "?_2", "/*key*/", "gdp_usd_BILLION_2", "column_14"]


@pytest.fixture(params=["adbc", "sqlite3"])
def road(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of filling a database."""
    pytest.importorskip("pyarrow")
    if request.param == "adbc":
        pytest.importorskip("adbc_driver_sqlite")
    else:
        monkeypatch.setattr(_regional, "find_spec", lambda _name: None)
    return str(request.param)


def empty(path: Path, columns: tuple[Column, ...] = COLUMNS, region: str = "Asia") -> Path:
    path.unlink(missing_ok=True)
    create(path, region, columns, Facts(VINTAGE, "table", "r1", "v1"), load_identity().countries())
    return path


def reader(columns: dict[str, list[Any]], rows_a_batch: int = 2) -> Any:
    import pyarrow as pa

    table = pa.table(columns)
    return pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=rows_a_batch))


RECORDS: dict[str, list[Any]] = {
    "country": ["Japan", "Japan", "Iran", "Japan", "Yemen"], "gdp": [5000.13, 12.0, 12.0, 0.01, 0.0],
    "published": [5000.125, 12.0, 12.0, 0.005, 0.004], "year": [2025, 2024, 2024, 2020, 2020],
    "record": [7, -3, 10**17, 1, 2], "note": ["", "naïve", "a\0b", "'", '"']}
KEPT = [("Japan", 5000.13, 5000.125, 2025, 7, ""), ("Iran", 12.0, 12.0, 2024, 10**17, "a\0b"),
        ("Japan", 12.0, 12.0, 2024, -3, "naïve"), ("Japan", 0.01, 0.005, 2020, 1, "'"),
        ("Yemen", 0.0, 0.004, 2020, 2, '"')]


# --- one database -----------------------------------------------------------------------------------------------------


def test_hostile_names_become_columns_each_once() -> None:
    assert column_names(HOSTILE) == NAMED


def test_a_table_of_hostile_names_is_filled_and_read_back(road: str, tmp_path: Path) -> None:
    path = empty(tmp_path / "x.db", tuple(Column(name, "TEXT") for name in NAMED))
    columns: dict[str, list[Any]] = {"c": ["Japan"], "g": [1.0], "p": [1.0]}
    columns |= {str(at): [str(at)] for at in range(len(NAMED))}
    finish(path, fill(path, reader(columns)))
    with closing(sqlite3.connect(path)) as db:
        cursor = db.execute("SELECT * FROM Countries_by_GDP")
        assert [told[0] for told in cursor.description] == ["Country", "GDP_USD_billion", "GDP_as_published", *NAMED]
        assert cursor.fetchall() == [("Japan", 1.0, 1.0, *(str(at) for at in range(len(NAMED))))]
        assert db.execute("SELECT rows FROM picture").fetchall() == [(1,)]


def test_rows_stand_in_the_order_of_the_key_whatever_order_they_came_in(road: str, tmp_path: Path) -> None:
    path = empty(tmp_path / "x.db")
    sent = fill(path, reader(RECORDS))
    finish(path, sent)
    assert (sent.rows, sent.first, sent.last) == (5, KEPT[0], KEPT[4])
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT * FROM Countries_by_GDP").fetchall() == KEPT
        assert db.execute("SELECT typeof(GDP_USD_billion), typeof(Year), typeof(Note) FROM Countries_by_GDP "
                          "GROUP BY 1, 2, 3").fetchall() == [("real", "integer", "text")]
        assert db.execute("SELECT region, rows, dataset, label, published, dating, channel, run_id FROM picture"
                          ).fetchall() == [("Asia", 5, "table:big", "2026-04", "2026-04-01", "given", "table", "r1")]
        assert ("Japan", "JPN", "Eastern Asia") in db.execute("SELECT * FROM economies").fetchall()
        assert db.execute("SELECT count(*) FROM economies WHERE ISO3 IN ('DEU', 'USA')").fetchone() == (0,)
        assert db.execute("PRAGMA page_size").fetchone() == (16384,)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert [each.name for each in tmp_path.iterdir()] == ["x.db"]


def test_no_batch_at_all_and_an_empty_one(road: str, tmp_path: Path) -> None:
    nothing: dict[str, list[Any]] = {name: values[:0] for name, values in RECORDS.items()}
    path = empty(tmp_path / "x.db")
    sent = fill(path, reader(nothing))
    finish(path, sent)
    assert sent == Sent()


def test_a_key_sent_twice_is_refused(road: str, tmp_path: Path) -> None:
    path = empty(tmp_path / "x.db")
    twice = {name: [values[0]] * 2 for name, values in RECORDS.items()} | {"note": ["a", "b"]}
    with pytest.raises(TargetRefused, match="UNIQUE constraint failed"):
        fill(path, reader(twice))


def test_what_the_reader_raises_comes_out_as_it_is(road: str, tmp_path: Path) -> None:
    import pyarrow as pa

    table = pa.table(RECORDS)

    def broken() -> Iterator[Any]:
        yield table.to_batches()[0]
        raise CheckpointError("a part is damaged")

    with pytest.raises(CheckpointError, match="a part is damaged"):
        fill(empty(tmp_path / "x.db"), pa.RecordBatchReader.from_batches(table.schema, broken()))


def test_a_full_disk_is_named(road: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = empty(tmp_path / "x.db")
    monkeypatch.setattr(_regional, "_PRAGMAS", (*_regional._PRAGMAS, "PRAGMA max_page_count = 5"))
    many = {name: [value] * 20_000 for name, (value, *_) in RECORDS.items()} | {"record": list(range(20_000))}
    with pytest.raises(DiskFull, match=r"The disk is full while writing x\.db"):
        fill(path, reader(many, 1000))


@pytest.mark.parametrize("harm", [
    "DELETE FROM Countries_by_GDP WHERE Country = 'Iran'",
    "UPDATE Countries_by_GDP SET GDP_as_published = 5000.1 WHERE Year = 2025",
    "UPDATE Countries_by_GDP SET Note = 'x' WHERE Country = 'Yemen'",
], ids=["a row lost", "the first is another", "the last is another"])
def test_a_database_that_is_not_what_was_sent_is_refused(harm: str, tmp_path: Path) -> None:
    path = empty(tmp_path / "x.db")
    sent = insert(path, KEPT)
    with closing(sqlite3.connect(path)) as db:
        db.execute(harm)
        db.commit()
    with pytest.raises(TargetRefused, match="not the 5 that were sent"):
        finish(path, sent)


def test_a_quoted_name_is_one_name() -> None:
    assert quoted('a"b') == '"a""b"'


# --- six of them, published -------------------------------------------------------------------------------------------


@pytest.fixture(params=["exchanged", "renamed twice"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of taking a place."""
    if request.param == "renamed twice":
        monkeypatch.setattr(_exchange, "exchanged", lambda _one, _other: False)
    elif sys.platform != "linux":
        pytest.skip("only Linux exchanges two names")
    return str(request.param)


def test_a_reader_keeps_what_it_opened_and_the_next_one_sees_the_new(way: str, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    show(workspace, "r1", 100.0)
    with closing(_regional.read_only(folder_of(workspace) / "Europe.db")) as db:
        show(workspace, "r2", 200.0)
        assert db.execute("SELECT run_id FROM picture").fetchone() == ("r1",)
        assert db.execute("SELECT Country, GDP_USD_billion FROM Countries_by_GDP").fetchall() == [("Germany", 100.0)]
    assert runs(workspace) == ["r2"] * 6
    assert select(workspace, "Asia", "SELECT Country, GDP_USD_billion, Year, Forecast FROM Countries_by_GDP") == [
        ("Japan", 100.0, 2025, "actual")]
    assert lying_about(workspace) == []


def test_the_place_is_never_empty_where_names_are_exchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not _exchange.exchanged(*[_made(tmp_path / name) for name in ("one", "other")]):
        pytest.skip("this disk exchanges no names")
    assert [(tmp_path / name / "was").read_text() for name in ("one", "other")] == ["other", "one"]
    workspace = Workspace(tmp_path / "w")
    show(workspace, "r1", 100.0)

    def renamed(self: Path, target: Path) -> None:
        raise AssertionError(f"{self} is renamed: for an instant there is no folder")

    monkeypatch.setattr(Path, "rename", renamed)
    show(workspace, "r2", 200.0)
    assert runs(workspace) == ["r2"] * 6


def _made(folder: Path) -> Path:
    folder.mkdir()
    (folder / "was").write_text(folder.name)
    return folder


@pytest.mark.parametrize("step", [3, pytest.param(1, marks=pytest.mark.full)])
def test_killed_at_any_moment_the_six_are_of_one_run(tmp_path: Path, step: int) -> None:
    workspace = Workspace(tmp_path)
    show(workspace, "r1", 100.0)
    seen, at, code = set(), 1 - step, -9
    while code == -9:
        at += step
        code = strike(workspace, f"s{at}", at)
        assert len(set(runs(workspace))) == 1, at
        seen.add(runs(workspace)[0])
    assert (code, at > 8) == (0, True)
    assert "r1" in seen  # killed before the end it changes nothing
    assert (runs(workspace), lying_about(workspace)) == ([f"s{at}"] * 6, [])


def strike(workspace: Workspace, run_id: str, at: int) -> int:
    """Publish in a process that is killed at its at-th opening, syncing or renaming of a file."""
    driver = PROJECT / "tests" / "faults" / "publish_regions.py"
    fault = environment({"script": driver.name, "act": "kill", "at": str(at)})
    return subprocess.run([sys.executable, str(driver), str(workspace.root), run_id, "300"], env=fault,
                          check=False, timeout=60).returncode


def test_what_was_killed_between_two_renames_is_put_back(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    show(workspace, "r1", 100.0)
    place = folder_of(workspace)
    place.rename(place.with_name(".regions-0a0b0c0d.old"))
    place.with_name(".regions-0a0b0c0d.tmp").mkdir()
    with Target(workspace) as target:
        assert target.query("picture_vintage", {})[0]["run_id"] == "r1"
    assert lying_about(workspace) == []


def test_a_failure_leaves_them_as_they_were(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    show(workspace, "r1", 100.0)
    with pytest.raises(RuntimeError, match="mine"), Target(workspace) as target:
        (target.building() / "Asia.db").touch()
        raise RuntimeError("mine")
    assert (runs(workspace), lying_about(workspace)) == (["r1"] * 6, [])


def test_other_files_in_the_folder_stay_and_one_of_our_names_is_kept_beside(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    show(workspace, "r1", 100.0)
    place = folder_of(workspace)
    (place / "notes").mkdir()
    (place / "notes" / "mine.txt").write_text("mine")
    (place / "Africa.db").write_text("a poem")
    (place / "Asia.db-journal").write_bytes(b"")
    assert Target(workspace).fault() == "Africa.db is no database of a region that this program made"
    show(workspace, "r2", 200.0)
    assert (place / "notes" / "mine.txt").read_text() == "mine"
    assert [path.read_text() for path in place.glob("Africa.db.foreign-*")] == ["a poem"]
    assert (runs(workspace), (place / "Asia.db-journal").exists()) == (["r2"] * 6, False)


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    place = folder_of(Workspace(tmp_path))
    place.parent.mkdir()
    place.write_text("mine")
    with pytest.raises(TargetRefused, match="regions is no folder"), Target(Workspace(tmp_path)):
        pass
    assert place.read_text() == "mine"


def test_a_state_that_is_not_whole_is_told(tmp_path: Path) -> None:
    workspace = made(tmp_path, {})
    target, place = Target(workspace), folder_of(workspace)
    assert (target.fault(), target.query("loaded", {})) == ("", [{"batches": 1, "figures": 0}])
    with closing(sqlite3.connect(place / "Asia.db")) as db:
        db.execute("UPDATE picture SET run_id = 'r0'")
        db.commit()
    assert target.fault() == "they are of 2 runs: r0, r1"
    made(tmp_path, {})
    data = (place / "Europe.db").read_bytes()
    (place / "Europe.db").write_bytes(data[:16384] + b"\xff" * 16384 + data[32768:])
    assert "Europe.db" in target.fault()
    (place / "Europe.db").unlink()
    assert target.fault() == "Europe.db is missing"


# --- the small road ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which nothing of the large road is installed."""
    folder = tmp_path_factory.mktemp("plain")
    for name in ("polars", "pyarrow", "adbc_driver_manager", "adbc_driver_sqlite"):
        (folder / f"{name}.py").write_text(f"raise ImportError('{name} is not installed')\n")
    return {"PYTHONPATH": str(folder)}


def test_the_small_road_whole(plain: dict[str, str], tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    arguments = ("--source", "bundled", "--vintage", "2025-10", "--year", "2025", "--target", "regions")

    def etl() -> Any:
        done = run("etl_process.py", *arguments, workspace=tmp_path, env=plain)
        assert done.returncode == 0, done.stderr
        return done

    first = etl()
    assert re.search(r"^ +1  North America  United States +30,615\.74 +2025f$", first.stdout, re.MULTILINE)
    assert not workspace.database.exists()
    assert sum(select(workspace, region, "SELECT rows FROM picture")[0][0] for region in REGIONS) > 180
    assert select(workspace, "Europe", "SELECT Country, GDP_USD_billion, GDP_as_published, Year, Forecast FROM "
                  "Countries_by_GDP LIMIT 1") == [("Germany", 5013.57, 5013.574, 2025, "forecast")]
    assert "Nothing to do" in etl().stderr
    (folder_of(workspace) / "Oceania.db").unlink()
    assert "Oceania.db is missing" in etl().stderr
    for path in folder_of(workspace).iterdir():
        path.unlink()
    folder_of(workspace).rmdir()
    assert "the database has no picture" in etl().stderr
    assert "Nothing to do" in etl().stderr
    status = run("etl_process.py", "--status", "--target", "regions", workspace=tmp_path)
    assert (status.returncode, "regions  whole" in status.stdout) == (0, True)


def test_figures_without_gdp_leave_the_picture(tmp_path: Path) -> None:
    arguments = ("--source", "bundled", "--indicator", "LP", "--target", "regions")
    workspace = Workspace(tmp_path / "w")
    show(workspace, "r1", 100.0)
    done = run("etl_process.py", *arguments, workspace=workspace.root)
    assert done.returncode == 0, done.stderr
    assert select(workspace, "Europe", "SELECT Country FROM Countries_by_GDP") == [("Germany",)]
    assert len(set(runs(workspace))) == 1
    assert runs(workspace)[0] != "r1"
    assert "Nothing to do" in run("etl_process.py", *arguments, workspace=workspace.root).stderr


@pytest.mark.full
def test_both_targets_stand_beside_each_other(tmp_path: Path) -> None:
    arguments = ("--source", "bundled", "--vintage", "2025-10", "--no-html", "--no-csv", "--quiet")
    for target in ("regions", "sqlite", "regions"):
        done = run("etl_process.py", *arguments, "--target", target, workspace=tmp_path)
        assert done.returncode == 0, done.stderr
    assert Workspace(tmp_path).database.exists()
    assert len(set(runs(Workspace(tmp_path)))) == 1
