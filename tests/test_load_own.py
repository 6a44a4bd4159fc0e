"""load.py with a table and with a place of one's own: corrections, pictures, a database elsewhere or behind a link."""

from __future__ import annotations

from pathlib import Path

from targets.sqlite import Target
from tests.in_process import walk
from tests.project import run, sql
from utils import Workspace


def own(tmp_path: Path, text: str, *more: str) -> tuple[int, str]:
    table = tmp_path / "own.csv"
    table.write_text(text, encoding="utf-8")
    done = run("etl_process.py", "--source", "table", "--input", table, "--unit", "billion", "--no-html", "--no-csv",
               *more, workspace=tmp_path / "w")
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def test_a_correction_taken_back_is_taken_back_everywhere(tmp_path: Path) -> None:
    for value, printing in (("100", ""), ("200", "+2026-02-01"), ("100", "+2026-03-01")):
        code, told = own(tmp_path, f"country,year,value\nGermany,2025,{value}\n", "--vintage", f"2026-01{printing}")
        assert code == 0, told
    assert sql(tmp_path / "w", "SELECT value_text FROM fact_gdp WHERE to_vintage IS NULL") == [("100",)]
    assert sql(tmp_path / "w", "SELECT GDP_USD_billion FROM Countries_by_GDP") == [(100.0,)]
    assert "report     ran" in told


def test_a_newer_vintage_without_gdp_leaves_the_picture_of_the_older(tmp_path: Path) -> None:
    gdp = "country,year,indicator,value\nGermany,2024,NGDPD,90\nGermany,2025,NGDPD,100\n"
    people = "country,year,indicator,value\nGermany,2025,LP,84\n"
    table = tmp_path / "own.csv"
    for text, more in ((gdp, ("--vintage", "2024-01")), (people, ("--vintage", "2024-06", "--indicator", "LP")),
                       (gdp, ("--vintage", "2024-01", "--year", "2024"))):
        table.write_text(text, encoding="utf-8")
        code, told = walk(tmp_path / "w", "--source", "table", "--input", table, "--unit", "billion", *more)
        assert code == 0, told
    assert sql(tmp_path / "w", "SELECT Year, GDP_USD_billion FROM Countries_by_GDP") == [(2024, 90.0)]


def test_what_killed_loads_left_beside_a_database_elsewhere_goes_and_nothing_else(tmp_path: Path) -> None:
    there = tmp_path / "there"
    names = {".own.db-0abc_xyz.tmp", ".own.db-0abc_xyz.tmp-journal", ".other.db-0abcdxyz.tmp", ".own.db-notes.tmp"}
    for _ in range(2):  # the first makes it
        with Target(Workspace(tmp_path), url="sqlite:///there/own.db"):
            pass
        left = {path.name for path in there.iterdir()}
        for name in names:
            (there / name).write_text("x")
    assert left == {".other.db-0abcdxyz.tmp", ".own.db-notes.tmp", "own.db"}


def test_the_database_behind_a_link_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    workspace, disk = Workspace(tmp_path / "workspace"), tmp_path / "disk"
    disk.mkdir()
    workspace.database.parent.mkdir(parents=True)
    workspace.database.symlink_to(disk / "gdp.db")
    (disk / "gdp.db").touch()
    with Target(workspace):
        pass
    assert workspace.database.is_symlink() and (disk / "gdp.db").stat().st_size > 0
    assert [path.name for path in disk.iterdir()] == ["gdp.db"]
