"""report.py --target regions: all databases asked at once, merged; literal answers, hostile columns, mixed runs."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
import threading
from argparse import Namespace
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import TargetRefused
from questions import regions
from rules.identity import REGIONS
from targets._regional import SQL, Column, file_of, statement
from targets.regions import folder_of
from tests.project import PROJECT, run
from tests.regions_db import Rows, made, show
from utils import Workspace

# Two records of Asia have one GDP, one of Europe and one of Oceania the same; 99.996 rounds to 100.
HELD: dict[str, Rows] = {
    "Asia": [("China", 900.0, 900.004, 2025, 1, "a"), ("China", 800.0, 800.0, 2024, 1, ""),
             ("Japan", 500.0, 500.0, 2024, 3, ""), ("Japan", 500.0, 500.0, 2025, 2, "=1+1"),
             ("India", 300.0, 300.0, 2025, 1, ""), ("Iran", 100.0, 99.996, 2025, 1, ""),
             ("Yemen", 20.0, 20.0, 2025, 1, "")],
    "Europe": [("Germany", 500.0, 500.0, 2025, 1, "Zürich, \"x\"\nb")],
    "Oceania": [("Fiji", 6.0, 6.0, 2025, 1, ""), ("Australia", 500.0, 500.0, 2025, 1, "")],
}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("regions"), HELD, decimals="2 figures have more than 15 digits.").root


def report(workspace: Path, *arguments: str) -> Any:
    return run("report.py", "--target", "regions", "--quiet", *arguments, workspace=workspace)


def as_json(workspace: Path, *arguments: str) -> dict[str, Any]:
    done = report(workspace, "--format", "json", *arguments)
    assert done.returncode == 0, done.stderr
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def places(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(row["Rank"], row["Region"], row["Country"], row["Year"], row["GDP_USD_billion"]) for row in rows]


LARGEST = [(1, "Asia", "China", 2025, 900.0), (2, "Asia", "China", 2024, 800.0),
           (3, "Oceania", "Australia", 2025, 500.0), (4, "Europe", "Germany", 2025, 500.0),
           (5, "Asia", "Japan", 2024, 500.0), (6, "Asia", "Japan", 2025, 500.0),
           (7, "Asia", "India", 2025, 300.0), (8, "Asia", "Iran", 2025, 100.0), (9, "Asia", "Yemen", 2025, 20.0),
           (10, "Oceania", "Fiji", 2025, 6.0)]


def test_json_has_every_answer(workspace: Path) -> None:
    told = as_json(workspace)
    assert places(told["economies"]) == LARGEST[:7]  # Iran's 99.996 is no 100, though it is rounded to it
    assert places(told["world"]) == LARGEST
    assert told["regions"] == [
        {"Region": "Asia", "Top5_mean_GDP_USD_billion": 600.0, "Counted": 5, "Top5": "CHN CHN JPN JPN IND",
         "At_least": 5, "Economies": 7},
        {"Region": "Europe", "Top5_mean_GDP_USD_billion": 500.0, "Counted": 1, "Top5": "DEU", "At_least": 1,
         "Economies": 1},
        {"Region": "Oceania", "Top5_mean_GDP_USD_billion": 253.0, "Counted": 2, "Top5": "AUS FJI", "At_least": 1,
         "Economies": 2}]
    assert (told["held"], told["at_least"], told["run_id"], told["dataset"]) == (10, 7, "r1", "table:big")
    assert told["notes"] == ["Europe has 1 only", "Oceania has 2 only",
                             "Africa, North America, South America: no record", "2 figures have more than 15 digits."]


def test_csv_has_every_column_and_every_record(workspace: Path) -> None:
    done = report(workspace, "--format", "csv", "--min-gdp", "6")
    rows = list(csv.reader(io.StringIO(done.stdout, newline="")))
    assert rows[0] == ["Rank", "Region", "Country", "GDP_USD_billion", "GDP_as_published", "Year", "record", "Note"]
    assert rows[4] == ["4", "Europe", "Germany", "500.0", "500.0", "2025", "1", "Zürich, \"x\"\nb"]
    assert len(rows) == 11


@pytest.mark.parametrize(("arguments", "found"), [
    (["--top", "2"], LARGEST[:2]),
    (["--min-gdp", "99.996"], LARGEST[:8]),
    (["--min-gdp", "99.997"], LARGEST[:7]),
    (["--min-gdp", "500.001"], LARGEST[:2]),
    (["--region", "europe"], [(1, "Europe", "Germany", 2025, 500.0)]),
    (["--year", "2024"], [(1, "Asia", "China", 2024, 800.0), (2, "Asia", "Japan", 2024, 500.0)]),
], ids=["top", "as published", "just above", "above a tie", "a region", "a year"])
def test_filters(arguments: list[str], found: list[tuple[Any, ...]], workspace: Path) -> None:
    assert places(as_json(workspace, *arguments)["economies"]) == found


def test_a_year_counts_for_the_means_too(workspace: Path) -> None:
    told = as_json(workspace, "--year", "2024")
    assert [(row["Region"], row["Top5_mean_GDP_USD_billion"], row["At_least"]) for row in told["regions"]] == [
        ("Asia", 650.0, 2)]


def test_one_region_alone_is_no_world(workspace: Path, tmp_path: Path) -> None:
    assert "world" not in as_json(workspace, "--region", "Asia")
    alone = made(tmp_path, HELD)
    for region in REGIONS[2:]:
        (folder_of(alone) / file_of(region)).unlink()
    assert len(as_json(tmp_path, "--region", "Asia")["economies"]) == 5  # the others are not opened


def test_people_see_the_world_once(workspace: Path) -> None:
    shown = report(workspace, "--min-gdp", "1").stdout
    assert "Records of 1 billion US$ and more: table:big April 2026 (by table)" in shown
    assert "largest of the world" not in shown
    assert re.search(r"^ 10  Oceania +Fiji +6\.00 +2025 +1$", shown, re.MULTILINE)
    shown = report(workspace).stdout
    assert "The 10 largest of the world: table:big April 2026 (by table)" in shown


def test_people_are_shown_a_hundred_and_programs_all(tmp_path: Path) -> None:
    rows = [("Japan", 5000.0 - at, 5000.0 - at, 2025, at, "") for at in range(1500)]
    made(tmp_path, {"Asia": rows})
    shown = report(tmp_path)
    assert "Records of 100 billion US$ and more" in shown.stdout
    assert "100 of 1,500 are shown; --format csv and json have all." in shown.stdout
    assert [report(tmp_path, *top).stdout.count("Japan") for top in ([], ["--top", "150"], ["--top", "7"])] == [
        100, 100, 7]
    assert len(as_json(tmp_path)["economies"]) == 1500
    assert report(tmp_path, "--format", "csv").stdout.count("Japan") == 1500
    assert not (tmp_path / "results" / "report.html").exists()  # too many for a page
    assert "no page: it is of pictures of 1,000 records at most" in run(
        "report.py", "--target", "regions", workspace=tmp_path).stderr


def test_of_a_small_picture_people_are_shown_a_hundred_too(tmp_path: Path) -> None:
    made(tmp_path, {"Asia": [("Japan", 5000.0 - at, 5000.0 - at, 2025, at, "") for at in range(150)]})
    assert report(tmp_path).stdout.count("Japan") == 100
    page = (tmp_path / "results" / "report.html").read_text(encoding="utf-8")
    assert page.count("<td>Japan</td>") == 150


def test_a_small_picture_is_a_page_and_no_csv(tmp_path: Path) -> None:
    show(Workspace(tmp_path), "r1", 500.0)
    done = run("report.py", "--target", "regions", workspace=tmp_path)
    assert "no CSV files beside" in done.stderr
    page = (tmp_path / "results" / "report.html").read_text(encoding="utf-8")
    assert "<td>Germany</td>" in page
    assert done.stdout.startswith("Economies of 100 billion US$ and more: ")
    assert [path.name for path in (tmp_path / "results").glob("*.csv")] == []


def test_columns_named_as_ours_are_renamed_in_the_report(tmp_path: Path) -> None:
    columns = (Column("region", "TEXT"), Column("Rank", "INTEGER"), Column('a"b', "TEXT"))
    made(tmp_path, {"Asia": [("Japan", 500.0, 500.0, "Kantō", 7, "x")]}, columns=columns)
    assert as_json(tmp_path)["economies"] == [
        {"Rank": 1, "Region": "Asia", "Country": "Japan", "GDP_USD_billion": 500.0, "GDP_as_published": 500.0,
         "region_2": "Kantō", "Rank_2": 7, 'a"b': "x"}]
    done = report(tmp_path, "--year", "2025")
    assert (done.returncode, "The records have no year" in done.stderr) == (2, True)


# --- how they are asked -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["count_from", "records_from", "largest", "top_five"])
def test_every_question_goes_by_the_key(name: str, workspace: Path) -> None:
    with closing(sqlite3.connect(folder_of(Workspace(workspace)) / "Asia.db")) as db:
        plan = [told[3] for told in db.execute(f"EXPLAIN QUERY PLAN {statement(name)}", {"min_gdp": 100.0, "top": 5})]
    assert not any("TEMP B-TREE" in step for step in plan), plan
    if name.endswith("_from"):
        assert plan == ["SEARCH Countries_by_GDP USING PRIMARY KEY (GDP_USD_billion>?)"]


def test_every_file_of_sql_is_named_in_the_code() -> None:
    code = "".join((PROJECT / name).read_text(encoding="utf-8")
                   for name in ("targets/_regional.py", "targets/regions.py", "questions/regions.py"))
    assert [path.stem for path in SQL.glob("*.sql") if f'"{path.stem}"' not in code] == []


def options(**more: Any) -> Namespace:
    return Namespace(**{"min_gdp": 100.0, "top": 0, "year": 0, "region": "", "format": "json", **more})


def test_every_database_is_asked_in_a_thread_of_its_own(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    together, real = threading.Barrier(6, timeout=10), regions._ask

    def asked(base: regions.Base, wanted: regions.Wanted) -> None:
        together.wait()  # breaks unless six are here at once
        real(base, wanted)

    monkeypatch.setattr(regions, "_ask", asked)
    with ExitStack() as stack:
        assert regions.answer(Workspace(workspace), options(), stack).report.facts["at_least"] == 7


def test_a_reader_between_two_publishes_asks_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, opened, real = Workspace(tmp_path), list[str](), regions._open
    show(workspace, "r1", 500.0)

    def one_by_one(folder: Path, region: str, stack: ExitStack) -> regions.Base:
        opened.append(region)
        if len(opened) == 4:
            show(workspace, "r2", 700.0)
        return real(folder, region, stack)

    monkeypatch.setattr(regions, "_open", one_by_one)
    monkeypatch.setattr(regions, "PAUSE", 0)
    with ExitStack() as stack:
        answer = regions.answer(workspace, options(), stack)
        show(workspace, "r3", 900.0)  # what is open stays of its run
        assert [(row["Country"], row["GDP_USD_billion"]) for row in answer.records()] == [
            ("Germany", 700.0), ("Japan", 350.0)]
    assert len(opened) == 12


def test_databases_that_stay_of_different_runs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = made(tmp_path, HELD)
    with closing(sqlite3.connect(folder_of(workspace) / "Asia.db")) as db:
        db.execute("UPDATE picture SET run_id = 'r0'")
        db.commit()
    monkeypatch.setattr(regions, "PAUSE", 0)
    with ExitStack() as stack, pytest.raises(TargetRefused, match="Africa of r1, Asia of r0, Europe of r1"):
        regions.answer(workspace, options(), stack)
    assert len(as_json(tmp_path, "--region", "Asia")["economies"]) == 5


# --- what is refused, and what to type --------------------------------------------------------------------------------


def refused(workspace: Path, code: int, says: str, command: str, *arguments: str) -> None:
    done = run("report.py", *(arguments or ("--target", "regions")), workspace=workspace)
    assert (done.returncode, says in done.stderr, command in done.stderr) == (code, True, True), done.stderr


def test_a_missing_database(tmp_path: Path) -> None:
    refused(tmp_path, 5, "There are no databases of the regions yet", "etl_process.py --target regions")
    workspace = made(tmp_path, HELD)
    (folder_of(workspace) / "South_America.db").unlink()
    refused(tmp_path, 5, "South_America.db is missing", "python load.py --target regions")


@pytest.mark.parametrize("content", [b"", b"a poem", b"SQLite format 3\0" + bytes(100)],
                         ids=["empty", "text", "foreign"])
def test_a_file_that_is_not_ours(content: bytes, tmp_path: Path) -> None:
    workspace = made(tmp_path, HELD)
    (folder_of(workspace) / "Asia.db").write_bytes(content)
    refused(tmp_path, 6, "Asia.db is no database of a region that this program made", "python load.py --target regions")


@pytest.mark.parametrize(("version", "code", "says"), [
    (0, 5, "Asia.db has schema 0, this program reads schema 1"), (9, 6, "Asia.db has schema 9, this program knows 1")])
def test_another_schema(version: int, code: int, says: str, tmp_path: Path) -> None:
    workspace = made(tmp_path, HELD)
    with closing(sqlite3.connect(folder_of(workspace) / "Asia.db")) as db:
        db.execute(f"PRAGMA user_version = {version}")
        db.commit()
    refused(tmp_path, code, says, "next:")


@pytest.mark.parametrize("form", ["table", "csv"])
def test_a_damaged_database(form: str, tmp_path: Path) -> None:
    rows = [("Japan", 5000.0 - at, 5000.0 - at, 2025, at, "x" * 90) for at in range(2000)]
    path = folder_of(made(tmp_path, {"Asia": rows})) / "Asia.db"
    data = path.read_bytes()
    path.write_bytes(data[:-65536] + b"\xff" * 65536)
    refused(tmp_path, 6, "Asia.db", "python load.py --target regions", "--target", "regions", "--format", form)


@pytest.mark.parametrize("question", [["--as-of", "2024-04"], ["--revisions"], ["--compare", "a,b"],
                                      ["--explain", "KOR", "2024"]], ids=lambda words: words[0])
def test_the_history_is_not_asked(question: list[str], workspace: Path) -> None:
    refused(workspace, 2, f"{question[0]} asks the history, and --target regions holds one picture and no history",
            "--target sqlite", *question, "--target", "regions")


def test_without_the_other_database_the_command_is_told(workspace: Path) -> None:
    refused(workspace, 5, "There is no such database here; those of the regions are", "--target regions", "--top", "3")


@pytest.mark.parametrize(("arguments", "says"), [
    (["--region", "Asai"], "There is no region named 'Asai'"), (["--target", "region"], "did you mean regions?")])
def test_a_word_that_is_none(arguments: list[str], says: str, workspace: Path) -> None:
    refused(workspace, 2, says, "", "--target", "regions", *arguments)


def test_people_are_shown_the_beginning_of_a_long_text_and_programs_all_of_it(tmp_path: Path) -> None:
    long = "ä" * 5_000
    root = made(tmp_path, {"Asia": [("China", 900.0, 900.0, 2025, 1, long)]}).root
    shown = report(root).stdout
    assert "ä" * 200 + "…" in shown
    assert "ä" * 201 not in shown
    assert long in report(root, "--format", "csv").stdout
