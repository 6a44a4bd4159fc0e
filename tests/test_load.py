"""load.py and the SQLite target: all or nothing, the user's own tables, rebuild, which picture is shown."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.in_process import walk
from tests.project import PROJECT, run, sql
from tests.server import Answer, Server
from tests.weo_sample import figures, sdmx

CONTENT = ("dim_country", "dim_vintage", "etl_batch", "fact_gdp", "Countries_by_GDP")


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """A workspace with October 2025 loaded, and the server that gave it; tests work on copies of it."""
    with Server() as server:
        workspace = tmp_path_factory.mktemp("loaded")
        server.routes["/.NGDPD.A"] = Answer(sdmx(figures()), headers={"Content-Type": "application/xml"})
        done = process(server, workspace)
        assert done == 0
        yield server, workspace


@pytest.fixture
def workspace(loaded: tuple[Server, Path], tmp_path: Path) -> Path:
    shutil.copytree(loaded[1], tmp_path / "w")
    return tmp_path / "w"


def process(server: Server, workspace: Path, *more: str) -> int:
    return walk(workspace, "--source", "imf", "--url", server.url, "--indicator", "NGDPD", *more)[0]


def content(workspace: Path) -> dict[str, list[tuple[object, ...]]]:
    return {table: sql(workspace, f"SELECT * FROM {table} ORDER BY 1, 2, 3, 4") for table in CONTENT}


def test_the_table_people_know(workspace: Path) -> None:
    columns = [row[1] for row in sql(workspace, "PRAGMA table_info(Countries_by_GDP)")]
    assert columns == ["Country", "GDP_USD_billion", "GDP_as_published", "Region", "Subregion", "ISO3", "Year",
                       "Forecast", "Dataset", "Vintage", "Extracted_At"]
    germany = sql(workspace, "SELECT Country, GDP_USD_billion, GDP_as_published, Region, Subregion, Year, Forecast, "
                             "Dataset, Vintage FROM Countries_by_GDP WHERE ISO3 = 'DEU'")
    assert germany == [("Germany", 985.13, "985.125", "Europe", "Western Europe", 2025, 1, "imf-weo", "2025-10")]
    assert sql(workspace, "SELECT count(*) FROM Countries_by_GDP") == [(190,)]
    assert sql(workspace, "SELECT value, value_text, decimals, forecast FROM fact_gdp "
                          "WHERE iso3 = 'DEU' AND year = 2024") == [(985.125, "985.125", 3, 0)]


def test_nothing_but_the_database_is_left_beside_it(workspace: Path) -> None:
    assert [path.name for path in (workspace / "sqliteDB").iterdir()] == ["World_Economies.db"]
    assert sql(workspace, "PRAGMA journal_mode") == [("delete",)]
    assert sql(workspace, "PRAGMA integrity_check") == [("ok",)]
    assert sql(workspace, "PRAGMA user_version") == [(3,)]


def test_loading_again_adds_nothing(workspace: Path) -> None:
    before = content(workspace)
    done = run("load.py", workspace=workspace)
    assert (done.returncode, "skipped" in done.stderr) == (0, True)
    assert content(workspace) == before


def test_a_limit_of_the_size_of_files_is_no_damage(workspace: Path) -> None:
    next((workspace / "results/runs").glob("*/load.json")).unlink()
    before = (workspace / "sqliteDB/World_Economies.db").read_bytes()
    line = f"ulimit -f 16; exec '{sys.executable}' '{PROJECT / 'load.py'}' --workspace '{workspace}'"
    done = subprocess.run(["bash", "-c", line], capture_output=True, encoding="utf-8", check=False, timeout=60)
    assert done.returncode == 8, done.stderr
    assert "World_Economies.db cannot be written further (disk I/O error): a quota or a limit" in done.stderr
    assert "--rebuild" not in done.stderr
    assert [path.read_bytes() for path in (workspace / "sqliteDB").iterdir()] == [before]


@pytest.mark.parametrize("more", [(), pytest.param(("--rebuild",), marks=pytest.mark.full)])
def test_a_folder_in_the_place_of_the_database_is_named(more: tuple[str, ...], workspace: Path) -> None:
    path = workspace / "sqliteDB/World_Economies.db"
    path.unlink()
    path.mkdir()
    done = run("load.py", *more, workspace=workspace)
    assert done.returncode == 6, done.stderr
    assert "A folder stands in the place of the database" in done.stderr
    assert "next:  move that folder away, and type the command again" in done.stderr
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    path.rmdir()
    assert run("load.py", *more, workspace=workspace).returncode == 0


def own_tables(workspace: Path) -> None:
    with closing(sqlite3.connect(workspace / "sqliteDB" / "World_Economies.db")) as db:
        db.executescript("CREATE TABLE mine (iso3 TEXT REFERENCES dim_country, note TEXT);"
                         "INSERT INTO mine VALUES ('DEU', 'ours');"
                         "CREATE VIEW large AS SELECT * FROM Countries_by_GDP WHERE GDP_USD_billion > 900;")


@pytest.mark.parametrize("rebuild", [False, True], ids=["another vintage", "a rebuild"])
def test_the_users_own_tables_and_views_survive(loaded: tuple[Server, Path], workspace: Path, rebuild: bool) -> None:
    own_tables(workspace)
    if rebuild:
        assert run("load.py", "--rebuild", workspace=workspace).returncode == 0
    else:
        with Server() as server:
            server.routes["/.NGDPD.A"] = Answer(
                sdmx(figures(DEU="999"), published="2026-04-14T13:00:00Z", updated="2026-04-14T13:00:00Z"),
                headers={"Content-Type": "application/xml"})
            assert process(server, workspace) == 0
    assert sql(workspace, "SELECT * FROM mine") == [("DEU", "ours")]
    assert sql(workspace, "SELECT count(*) FROM large") == [(21,)]


def test_a_rebuild_equals_what_it_rebuilds(workspace: Path) -> None:
    before = content(workspace)
    done = run("load.py", "--rebuild", workspace=workspace)
    assert done.returncode == 0, done.stderr
    assert content(workspace) == before


def test_the_orchestrator_rebuilds_though_every_checkpoint_is_whole(workspace: Path) -> None:
    before = content(workspace)
    for looking in (["--dry-run"], []):
        done = run("etl_process.py", "--from", "load", "--rebuild", "--no-html", "--no-csv", *looking,
                   workspace=workspace)
        assert done.returncode == 0, done.stderr
        assert "(--rebuild)" in done.stderr or "would run: --rebuild" in done.stdout, done
    assert content(workspace) == before


def test_a_file_that_is_no_database_is_refused_kept_and_rebuilt(workspace: Path) -> None:
    before = content(workspace)
    database = workspace / "sqliteDB" / "World_Economies.db"
    database.write_bytes(b"not a database at all" * 400)
    done = run("load.py", workspace=workspace)
    assert done.returncode == 6
    assert "load.py --workspace" in done.stderr
    assert done.stderr.count("--rebuild") == 1
    assert database.read_bytes().startswith(b"not a database")
    assert run("load.py", "--rebuild", workspace=workspace).returncode == 0
    assert content(workspace) == before
    kept = [path for path in database.parent.iterdir() if ".damaged-" in path.name]
    assert [path.read_bytes()[:14] for path in kept] == [b"not a database"]


def test_a_database_of_a_later_program_is_refused(workspace: Path) -> None:
    with closing(sqlite3.connect(workspace / "sqliteDB" / "World_Economies.db")) as db:
        db.execute("PRAGMA user_version = 99")
    run_json = next((workspace / "results/runs").glob("2*/load.json"))
    run_json.unlink()
    done = run("load.py", workspace=workspace)
    assert done.returncode == 6
    assert "The database has schema 99" in done.stderr


def test_what_another_program_left_in_the_wal_is_kept(workspace: Path, loaded: tuple[Server, Path]) -> None:
    database = workspace / "sqliteDB" / "World_Economies.db"
    script = ("import sqlite3, os, sys\ndb = sqlite3.connect(sys.argv[1])\ndb.execute('PRAGMA journal_mode = WAL')\n"
              "db.execute('CREATE TABLE mine (x)')\ndb.execute('INSERT INTO mine VALUES (42)')\ndb.commit()\n"
              "os._exit(0)  # as a crash does: the -wal stays\n")
    subprocess.run([sys.executable, "-c", script, str(database)], check=True)
    assert database.with_name("World_Economies.db-wal").exists()
    assert run("load.py", "--rebuild", workspace=workspace).returncode == 0
    assert sql(workspace, "SELECT x FROM mine") == [(42,)]
    assert [path.name for path in database.parent.iterdir()] == ["World_Economies.db"]


def test_a_failing_gate_leaves_the_database_as_it_was(workspace: Path) -> None:
    database = workspace / "sqliteDB" / "World_Economies.db"
    before = database.read_bytes()
    picture = (workspace / "results/Countries_by_GDP_Processed.json").read_bytes()
    with Server() as server:
        later = sdmx(figures(USA="90000"), updated="2025-11-19T13:00:00Z")
        server.routes["/.NGDPD.A"] = Answer(later, headers={"Content-Type": "application/xml"})
        assert process(server, workspace) == 3
        assert database.read_bytes() == before
        assert (workspace / "results/Countries_by_GDP_Processed.json").read_bytes() == picture
        assert process(server, workspace, "--accept", "share") == 0
    assert sql(workspace, "SELECT accepted FROM etl_load ORDER BY loaded_at, accepted") == [("",), ("share",)]


def test_an_older_vintage_is_taken_in_and_the_newer_picture_stays(workspace: Path) -> None:
    before = sql(workspace, "SELECT * FROM Countries_by_GDP")
    with Server() as server:
        server.routes["/.NGDPD.A"] = Answer(
            sdmx(figures(DEU="900"), published="2025-04-22T13:00:00Z", updated="2025-04-22T13:00:00Z"),
            headers={"Content-Type": "application/xml"})
        assert process(server, workspace) == 0
        assert process(server, workspace) == 0
    assert sql(workspace, "SELECT * FROM Countries_by_GDP") == before
    assert sql(workspace, "SELECT label FROM dim_vintage ORDER BY label") == [("2025-04",), ("2025-10",)]


def test_coming_back_to_a_dataset_shows_its_newest_picture(workspace: Path, tmp_path: Path) -> None:
    before = sql(workspace, "SELECT * FROM Countries_by_GDP ORDER BY ISO3")
    table = tmp_path / "own.csv"
    table.write_text("country,year,gdp_usd_billion\nGermany,2025,5000\nFrance,2025,3000\n", encoding="utf-8")
    code, said = walk(workspace, "--source", "table", "--input", table, "--vintage", "2026-01")
    assert code == 0, said
    assert sql(workspace, "SELECT Country, GDP_USD_billion, Dataset FROM Countries_by_GDP") == [
        ("Germany", 5000.0, "table:own"), ("France", 3000.0, "table:own")]
    with Server() as server:
        server.routes["/.NGDPD.A"] = Answer(
            sdmx(figures(DEU="900"), published="2025-04-22T13:00:00Z", updated="2025-04-22T13:00:00Z"),
            headers={"Content-Type": "application/xml"})
        assert process(server, workspace) == 0
    assert sql(workspace, "SELECT * FROM Countries_by_GDP ORDER BY ISO3") == before


def test_the_clean_picture_is_sorted_by_gdp(workspace: Path) -> None:
    picture = json.loads((workspace / "results/Countries_by_GDP_Processed.json").read_text(encoding="utf-8"))
    values = [row["GDP_USD_billion"] for row in picture]
    assert values == sorted(values, reverse=True)
    assert [row["ISO3"] for row in picture[:4]] == ["USA", "CHN", "JPN", "DEU"]


def test_more_indicators_of_the_same_vintage_are_added(tmp_path: Path) -> None:
    table = tmp_path / "own.csv"
    table.write_text("country,year,indicator,value\nGermany,2025,NGDPD,5000\nGermany,2025,LP,84\nFrance,2025,NGDPD,3000\n",
                     encoding="utf-8")
    for indicator in ("LP", "NGDPD"):
        code, said = walk(tmp_path / "w", "--source", "table", "--input", table, "--vintage", "2026-01", "--unit",
                          "billion", "--indicator", indicator)
        assert code == 0, said
    assert sql(tmp_path / "w", "SELECT indicator, iso3, value_text FROM fact_gdp ORDER BY 1, 2") == [
        ("LP", "DEU", "84"), ("NGDPD", "DEU", "5000"), ("NGDPD", "FRA", "3000")]


def test_a_vintage_without_gdp_is_stored_and_has_no_picture(tmp_path: Path) -> None:
    table = tmp_path / "own.csv"
    table.write_text("country,year,indicator,value\nGermany,2025,LP,84\n", encoding="utf-8")
    arguments = ("--source", "table", "--input", table, "--vintage", "2026-01", "--indicator", "LP")
    first = run("etl_process.py", *arguments, workspace=tmp_path / "w")
    assert (first.returncode, "holds 1 figures but no GDP" in first.stdout) == (0, True), first.stderr
    again = run("etl_process.py", *arguments, workspace=tmp_path / "w")
    assert (again.returncode, "Nothing to do" in again.stderr) == (0, True), again.stderr
    assert sql(tmp_path / "w", "SELECT count(*) FROM Countries_by_GDP") == [(0,)]


def test_a_writer_at_work_is_waited_for_and_never_lost(workspace: Path) -> None:
    database = workspace / "sqliteDB" / "World_Economies.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("CREATE TABLE mine (x)")
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO mine VALUES (2)")
        done = run("load.py", "--rebuild", workspace=workspace)
        assert (done.returncode, "Another program is writing" in done.stderr) == (6, True), done.stderr
        other.execute("COMMIT")
    assert run("load.py", "--rebuild", workspace=workspace).returncode == 0
    assert sql(workspace, "SELECT x FROM mine") == [(2,)]


@pytest.mark.parametrize("harm", [
    "scrambled", *(pytest.param(harm, marks=pytest.mark.full) for harm in ("cut", "text"))])
def test_a_damaged_database_is_seen_though_there_is_nothing_to_do(
        loaded: tuple[Server, Path], workspace: Path, harm: str) -> None:
    database = workspace / "sqliteDB" / "World_Economies.db"
    before, whole = content(workspace), database.read_bytes()
    middle = len(whole) // 2
    database.write_bytes({"cut": whole[: middle // 4096 * 4096], "text": b"not a database" * 999,
                          "scrambled": whole[:8192] + bytes(len(whole) - 8192)}[harm])
    assert run("etl_process.py", "--status", workspace=workspace).returncode == 5
    first = run("etl_process.py", "--source", "imf", "--url", loaded[0].url, "--indicator", "NGDPD", "--stage-retries",
                "0", workspace=workspace)
    assert first.returncode == 6, first.stderr
    following = first.stderr.rstrip().splitlines()[-1]
    assert following.endswith("--from load --rebuild")
    assert run("etl_process.py", "--source", "imf", "--url", loaded[0].url, "--indicator", "NGDPD", "--from", "load",
               "--rebuild", workspace=workspace).returncode == 0
    assert content(workspace) == before


@pytest.mark.parametrize("empty", [False, pytest.param(True, marks=pytest.mark.full)], ids=["deleted", "empty"])
def test_a_lost_database_is_made_again_from_every_kept_vintage(
        loaded: tuple[Server, Path], workspace: Path, empty: bool) -> None:
    with Server() as server:
        server.routes["/.NGDPD.A"] = Answer(
            sdmx(figures(DEU="900"), published="2025-04-22T13:00:00Z", updated="2025-04-22T13:00:00Z"),
            headers={"Content-Type": "application/xml"})
        assert process(server, workspace) == 0
    before = content(workspace)
    database = workspace / "sqliteDB" / "World_Economies.db"
    database.unlink()
    if empty:
        database.touch()
    assert process(loaded[0], workspace) == 0
    after = content(workspace)
    for each in (before, after):  # the picture was fetched again, so only its time may differ
        each["Countries_by_GDP"] = [row[:-1] for row in each["Countries_by_GDP"]]
    assert after == before


def test_an_acceptance_is_not_asked_for_again(workspace: Path) -> None:
    with Server() as server:
        later = sdmx(figures(USA="90000"), updated="2025-11-19T13:00:00Z")
        server.routes["/.NGDPD.A"] = Answer(later, headers={"Content-Type": "application/xml"})
        assert process(server, workspace, "--accept", "share") == 0
        assert process(server, workspace) == 0


WRITER = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
db.execute("CREATE TABLE IF NOT EXISTS mine (x INTEGER)")
print("ready", flush=True)
kept = 0
for number in range(int(sys.argv[2])):
    try:
        db.execute("INSERT INTO mine VALUES (?)", (number,))
        kept += 1
    except sqlite3.OperationalError:  # the file was replaced under this connection: SQLite says so
        db.close()
        db = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
print(kept, flush=True)
"""


def test_no_committed_row_of_another_writer_is_lost(workspace: Path) -> None:
    database = workspace / "sqliteDB" / "World_Economies.db"
    with subprocess.Popen([sys.executable, "-c", WRITER, str(database), "400"], stdout=subprocess.PIPE,
                          encoding="utf-8") as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        codes = [run("load.py", "--rebuild", workspace=workspace).returncode for _ in range(3)]
        kept = int(writer.stdout.readline())
    assert set(codes) <= {0, 6}
    assert 0 in codes
    assert sql(workspace, "SELECT count(*) FROM mine") == [(kept,)]
    assert sql(workspace, "PRAGMA integrity_check") == [("ok",)]


KILLED = """
import sqlite3, os, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("CREATE TABLE mine (x)")
db.execute("INSERT INTO mine VALUES (42)")
db.execute("PRAGMA cache_size = 1")
db.execute("BEGIN IMMEDIATE")
db.execute("UPDATE fact_gdp SET value = -1")
os._exit(1)  # in the middle of writing: its journal stays
"""


def test_a_writer_that_was_killed_leaves_a_whole_database(workspace: Path) -> None:
    database = workspace / "sqliteDB" / "World_Economies.db"
    before = content(workspace)
    subprocess.run([sys.executable, "-c", KILLED, str(database)], check=False)
    assert database.with_name("World_Economies.db-journal").exists()
    assert run("load.py", "--rebuild", workspace=workspace).returncode == 0
    assert sql(workspace, "SELECT x FROM mine") == [(42,)]
    assert content(workspace) == before
    assert [path.name for path in database.parent.iterdir()] == ["World_Economies.db"]


def test_what_the_users_own_tables_refer_to_is_the_users(workspace: Path) -> None:
    with closing(sqlite3.connect(workspace / "sqliteDB" / "World_Economies.db")) as db:
        db.executescript("CREATE TABLE mine (iso3 TEXT REFERENCES dim_country); INSERT INTO mine VALUES ('XXX');")
    assert run("load.py", "--rebuild", workspace=workspace).returncode == 0
    assert sql(workspace, "SELECT * FROM mine") == [("XXX",)]


def test_a_database_of_the_users_own_is_moved_into(loaded: tuple[Server, Path], tmp_path: Path) -> None:
    (tmp_path / "sqliteDB").mkdir()
    with closing(sqlite3.connect(tmp_path / "sqliteDB" / "World_Economies.db")) as db:
        db.executescript("CREATE TABLE mine (x); INSERT INTO mine VALUES (7);")
    assert process(loaded[0], tmp_path) == 0
    assert sql(tmp_path, "SELECT x FROM mine") == [(7,)]
    assert sql(tmp_path, "SELECT count(*) FROM Countries_by_GDP") == [(190,)]


def test_stages_by_hand_without_report_ask_the_source_again(workspace: Path, loaded: tuple[Server, Path]) -> None:
    assert not [*(workspace / "results/runs").glob("2*/report.json")]
    before = len(loaded[0].asked)
    done = run("extract.py", "--source", "imf", "--url", loaded[0].url, "--indicator", "NGDPD", workspace=workspace)
    assert (done.returncode, "nothing new since" in done.stderr) == (0, True), done.stderr
    assert len(loaded[0].asked) == before + 1


def test_a_table_of_somebody_else_is_left_alone(workspace: Path) -> None:
    database = workspace / "sqliteDB" / "World_Economies.db"
    database.unlink()
    with closing(sqlite3.connect(database)) as other:
        other.execute("CREATE TABLE fact_gdp (a)")
        other.execute("INSERT INTO fact_gdp VALUES (7)")
        other.commit()
    done = run("load.py", workspace=workspace)
    assert done.returncode == 6
    assert "tables of another program: fact_gdp (lacks dataset, indicator, iso3, year …; has a)" in done.stderr
    assert sql(workspace, "SELECT a FROM fact_gdp") == [(7,)]


def test_a_check_that_fails_stops_the_publishing(workspace: Path) -> None:
    """A figure that another program took away: the load after it sees that the edition is not whole."""
    database = workspace / "sqliteDB" / "World_Economies.db"
    with closing(sqlite3.connect(database)) as other:
        other.execute("DELETE FROM fact_gdp WHERE iso3 = 'DEU' AND year = 2024")
        other.commit()
    before = database.read_bytes()
    [own] = (workspace / "results" / "runs").glob("*/load.json")
    own.unlink()
    done = run("load.py", workspace=workspace)
    assert done.returncode == 3, done.stderr
    assert "The check figures_counted fails after the load: imf-weo" in done.stderr
    assert database.read_bytes() == before
    assert run("load.py", "--rebuild", workspace=workspace).returncode == 0
    assert sql(workspace, "SELECT value_text FROM fact_gdp WHERE iso3 = 'DEU' AND year = 2024") == [("985.125",)]
