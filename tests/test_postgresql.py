"""PostgreSQL as a target: a real server, the ten bundled vintages, refusals, and connections that are cut."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.orchestra import next_command, table_options
from tests.postgres import PASSWORD, USER, Server, in_postgresql, running, star, star_of
from tests.project import PROJECT, run, sql


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as server:
        yield server


def etl(workspace: Path, url: str, *more: str, target: str = "") -> tuple[int, str, str]:
    done = run("etl_process.py", "--no-html", "--no-csv", *more, workspace=workspace,
               env={"WORLD_ECONOMIES_TARGET": target or url})
    assert "Traceback" not in done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def both(server: Server, bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A workspace whose ten bundled vintages are in its SQLite and in PostgreSQL; and the address."""
    workspace, url = tmp_path_factory.mktemp("both") / "w", server.create("both")
    shutil.copytree(bundle, workspace)
    done = run("load.py", workspace=workspace, env={"WORLD_ECONOMIES_TARGET": f"sqlite,{url}"})
    assert done.returncode == 0, done.stderr
    return workspace, url


def test_ten_vintages_in_sqlite_and_in_postgresql_are_the_same(both: tuple[Path, str]) -> None:
    workspace, url = both
    held = star_of(lambda text: sql(workspace, text))
    assert len(held["dim_vintage"]) == 10 and len(held["fact_gdp"]) > 50_000
    assert star(url) == held


@pytest.mark.parametrize("question", [
    (), ("--revisions", "--country", "NGA"), ("--explain", "KOR", "2024"), *(
        pytest.param(each, marks=pytest.mark.full) for each in (
            ("--as-of", "2024-04"), ("--year", "2020", "--region", "Africa")))], ids=" ".join)
def test_reports_are_the_same_from_both(both: tuple[Path, str], question: tuple[str, ...]) -> None:
    workspace, url = both
    told = [run("report.py", *question, "--format", "json", "--no-html", "--no-csv", workspace=workspace,
                env={"WORLD_ECONOMIES_TARGET": target}) for target in ("sqlite", url)]
    assert told[0].returncode == told[1].returncode == 0, told[1].stderr
    assert told[0].stdout == told[1].stdout


def test_the_page_is_the_same_from_both(both: tuple[Path, str]) -> None:
    workspace, url = both
    pages = []
    for target in ("sqlite", url):
        done = run("report.py", "--no-csv", workspace=workspace, env={"WORLD_ECONOMIES_TARGET": target})
        assert done.returncode == 0, done.stderr
        pages.append((workspace / "results" / "report.html").read_text(encoding="utf-8"))
    assert pages[0] == pages[1]


def test_a_run_again_has_nothing_to_do(both: tuple[Path, str]) -> None:
    workspace, url = both
    code, _, said = etl(workspace, url, "--source", "bundled", target=f"sqlite,{url}")
    assert (code, "load      skipped: its checkpoint is whole" in said) == (0, True), said


@pytest.mark.full  # by default: of two vintages, in test_postgresql_faults.py
def test_a_rebuild_gives_the_same(both: tuple[Path, str]) -> None:
    workspace, url = both
    held = star(url)
    done = run("load.py", "--rebuild", workspace=workspace, env={"WORLD_ECONOMIES_TARGET": url})
    assert done.returncode == 0, done.stderr
    assert star(url) == held


# --- what is refused ------------------------------------------------------------------------------------------------


def refused(table: Path, workspace: Path, url: str) -> str:
    code, _, said = etl(workspace, url, *table_options(table), "--stage-retries", "0")
    assert code == 6, said
    return said


def test_wrong_password_unknown_host_and_missing_database(server: Server, table: Path, tmp_path: Path) -> None:
    server.create("there")
    said = refused(table, tmp_path, server.url("there", password="wrong"))
    assert "refuses: " in said and "password authentication failed" in said
    said = refused(table, tmp_path, server.url("gone"))
    assert "refuses: " in said and 'database "gone" does not exist. Its administrator makes it' in said
    assert "does not answer" in refused(table, tmp_path, "postgresql://u@127.0.0.1:9/there")


def test_a_database_without_a_picture_is_named(server: Server, tmp_path: Path) -> None:
    server.create("void")
    for question in ((), ("--revisions",)):
        done = run("report.py", *question, workspace=tmp_path, env={"WORLD_ECONOMIES_TARGET": server.url("void")})
        assert (done.returncode, "/void" in done.stderr, ".db" in done.stderr) == (5, True, False), done.stderr


def test_tables_of_another_program_are_left_alone(server: Server, table: Path, tmp_path: Path) -> None:
    url = server.create("foreign")
    in_postgresql(url, "CREATE SCHEMA world_economies; CREATE TABLE world_economies.fact_gdp (a int)")
    said = refused(table, tmp_path, url)
    assert "tables of another program: fact_gdp (lacks dataset, indicator, iso3, year …; has a)" in said
    assert in_postgresql(url, "SELECT count(*) FROM fact_gdp") == [(0,)]


def test_a_password_is_not_taken_from_the_command_line(server: Server, tmp_path: Path) -> None:
    done = run("load.py", "--target", server.url("there"), workspace=tmp_path)
    assert done.returncode == 2
    assert "read by every user" in done.stderr and PASSWORD not in done.stderr


def test_an_address_without_a_password_may_be_typed(both: tuple[Path, str], server: Server, tmp_path: Path) -> None:
    url = f"postgresql://{USER}@127.0.0.1:{server.port}/both"
    done = run("report.py", "--as-of", "2024-04", "--target", url, env={"PGPASSWORD": PASSWORD}, workspace=tmp_path)
    assert (done.returncode, "United States" in done.stdout) == (0, True), done.stderr
    done = run("report.py", "--as-of", "2024-04", "--target", url, workspace=tmp_path)
    assert (done.returncode, "The password belongs into" in done.stderr) == (6, True), done.stderr
    told = next_command(done.stderr)
    assert "report.py" in told and told.endswith(f"--as-of 2024-04 --target {url}")


def test_a_file_holds_the_address_and_no_process_shows_it(server: Server, tmp_path: Path) -> None:
    url = server.create("by_file")
    (tmp_path / "target").write_text(url + "\n")
    (tmp_path / "small.csv").write_text("Country,Year,GDP\nKenya,2024,100\nGhana,2024,90.5\n")
    done = run("etl_process.py", "--source", "table", "--input", tmp_path / "small.csv", "--vintage", "2025-01-31",
               "--unit", "billion", "--no-html", "--no-csv", "--target-file", tmp_path / "target",
               workspace=tmp_path / "w")
    assert done.returncode == 0, done.stderr
    assert in_postgresql(url, "SELECT iso3, value FROM fact_gdp ORDER BY 1") == [("GHA", 90.5), ("KEN", 100)]
    written = b"".join(Path(folder, name).read_bytes()
                       for folder, _, names in os.walk(tmp_path / "w") for name in names)
    assert PASSWORD.encode() not in written and PASSWORD.replace(" ", "%20").encode() not in written


def test_every_query_of_the_documentation_finds_rows(both: tuple[Path, str]) -> None:
    page = (PROJECT / "docs" / "warehouse.md").read_text(encoding="utf-8")
    queries = [text for text in re.findall(r"```sql\n(.*?)```", page, re.DOTALL) if "world_economies." in text]
    assert len(queries) == 5
    for text in queries:
        assert in_postgresql(both[1], text), text
