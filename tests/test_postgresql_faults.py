"""PostgreSQL when something dies: lines that are cut, loaders that are killed, a disk that is full, two at once."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.in_process import walk
from tests.orchestra import half_written, launch
from tests.postgres import Server, in_postgresql, running, star
from tests.project import run
from tests.proxy import between

SEED = 20_261_121
YEARS = ("2021", "2022", "2023", "2024", "2025")


class Loads(NamedTuple):
    """A workspace whose current run waits for its load into a database that holds an earlier vintage.

    before, after: the star without and with it. messages: that an undisturbed load sends.
    """

    workspace: Path
    before: dict[str, list[tuple[Any, ...]]]
    after: dict[str, list[tuple[Any, ...]]]
    messages: int


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as server:
        yield server


def table(path: Path, plus: float) -> Path:
    """Write a table of ten economies in five years."""
    codes = ("DEU", "FRA", "GHA", "IND", "JPN", "KEN", "NGA", "PER", "USA", "ZAF")
    lines = [",".join((code, year, f"{(at + 1) * 100 + int(year) % 100 + plus:.2f}"))
             for at, code in enumerate(codes) for year in YEARS]
    path.write_text("\n".join(["Country,Year,GDP", *lines]) + "\n")
    return path


def stage(script: str, workspace: Path, url: str, *more: object) -> subprocess.CompletedProcess[str]:
    done = run(script, *more, workspace=workspace, env={"WORLD_ECONOMIES_TARGET": url})
    assert "Traceback" not in done.stderr
    return done


def prepare(workspace: Path, file: Path, vintage: str, url: str) -> None:
    for script, more in (("extract.py", ("--source", "table", "--input", file, "--vintage", vintage, "--unit",
                                         "billion", "--dataset", "own")), ("transform.py", ())):
        done = stage(script, workspace, url, *more)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def loads(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Loads:
    folder = tmp_path_factory.mktemp("loads")
    url, workspace = server.create("model"), folder / "w"
    prepare(workspace, table(folder / "first.csv", 0), "2025-04-01", url)
    assert stage("load.py", workspace, url).returncode == 0
    before = star(url)
    prepare(workspace, table(folder / "second.csv", 0.25), "2025-10-01", url)
    server.copy("model", "undisturbed")
    whole = Path(shutil.copytree(workspace, folder / "undisturbed"))
    with between(server.port) as line:
        assert stage("load.py", whole, server.url("undisturbed", port=line.port)).returncode == 0
    after = star(server.url("undisturbed"))
    assert len(before["fact_gdp"]) == 50 and len(after["fact_gdp"]) == 100
    return Loads(workspace, before, after, line.sent)


@pytest.fixture
def workspace(loads: Loads, server: Server, tmp_path: Path) -> Path:
    """A copy of the workspace, and the database "target", a copy of the model."""
    server.copy("model", "target")
    return Path(shutil.copytree(loads.workspace, tmp_path / "w"))


def finished(loads: Loads, workspace: Path, url: str, *, here: bool = False) -> None:
    """Assert that the same command makes it whole; here: in this process, which is sooner done."""
    if here:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("WORLD_ECONOMIES_TARGET", url)
            assert walk(workspace, stages=["load"])[0] == 0
    else:
        done = stage("load.py", workspace, url)
        assert done.returncode == 0, done.stderr
    assert star(url) == loads.after
    assert half_written(workspace) == []


# --- a line that is cut ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.3, 0.97, *(pytest.param(each, marks=pytest.mark.full) for each in (0.02, 0.5))])
def test_a_line_that_is_cut_leaves_the_target_as_it_was(loads: Loads, server: Server, workspace: Path,
                                                        share: float) -> None:
    url = server.url("target")
    with between(server.port, limit=loads.messages * share) as line:
        done = stage("load.py", workspace, server.url("target", port=line.port))
        assert line.cut
    assert done.returncode == 6, done.stderr
    assert "The database does not answer" in done.stderr and "the database is as it was" in done.stderr
    assert star(url) == loads.before
    finished(loads, workspace, url)


def test_the_line_is_cut_within_the_copy(loads: Loads, server: Server, workspace: Path) -> None:
    url = server.url("target")
    with between(server.port, after=b"COPY fact_gdp") as line:
        done = stage("load.py", workspace, server.url("target", port=line.port))
        assert line.cut
    assert done.returncode == 6, done.stderr
    assert star(url) == loads.before
    finished(loads, workspace, url)


def test_an_unknown_outcome_is_loaded_once(loads: Loads, server: Server, workspace: Path) -> None:
    """The commit was heard, its answer was not: the load cannot know, and its repetition changes nothing."""
    url = server.url("target")
    with between(server.port, after=b"COMMIT") as line:
        done = stage("load.py", workspace, server.url("target", port=line.port))
        assert line.cut
    assert done.returncode == 6, done.stderr
    finished(loads, workspace, url)


# --- a loader that is killed ----------------------------------------------------------------------------------------


def killed_at(loads: Loads, server: Server, workspace: Path, at: float, *, here: bool = False) -> None:
    """Kill the loader when it has sent so many messages, and let it be done again."""
    url = server.url("target")
    with between(server.port, limit=at) as line:
        loader = launch("--workspace", str(workspace), script=Path("load.py").resolve(), start_new_session=True,
                        env={"WORLD_ECONOMIES_TARGET": server.url("target", port=line.port)})
        line.kill = loader.pid
        loader.communicate(timeout=60)
    assert loader.returncode == (-9 if line.cut else 0)
    held = star(url)
    assert held in (loads.before, loads.after)
    finished(loads, workspace, url, here=here)


def sweep(loads: Loads, count: int) -> list[float]:
    dice, step = random.Random(SEED), loads.messages / count
    return [(number + dice.random()) * step for number in range(count)]


@pytest.mark.parametrize("number", range(10))
def test_a_loader_that_is_killed_doubles_and_loses_nothing(loads: Loads, server: Server, workspace: Path,
                                                           number: int) -> None:
    killed_at(loads, server, workspace, sweep(loads, 10)[number], here=number % 5 > 0)


@pytest.mark.chaos
@pytest.mark.parametrize("number", range(200))
def test_chaos_killed_at_two_hundred_instants(loads: Loads, server: Server, workspace: Path, number: int) -> None:
    killed_at(loads, server, workspace, sweep(loads, 200)[number])


# --- others at work -------------------------------------------------------------------------------------------------


def test_two_loads_at_once_take_turns(loads: Loads, server: Server, workspace: Path, tmp_path: Path) -> None:
    url = server.url("target")
    other = Path(shutil.copytree(workspace, tmp_path / "other"))
    both = [launch("--workspace", str(place), script=Path("load.py").resolve(), env={"WORLD_ECONOMIES_TARGET": url})
            for place in (workspace, other)]
    told = [each.communicate(timeout=60)[1] for each in both]
    assert [each.returncode for each in both] == [0, 0], told
    assert star(url) == loads.after


@pytest.mark.full
def test_another_load_that_does_not_end_is_told(loads: Loads, server: Server, workspace: Path) -> None:
    import psycopg

    url = server.url("target")
    with psycopg.connect(url) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s, hashtext('world_economies'))", (0x57_45,))
        done = stage("load.py", workspace, url)
        assert (done.returncode, "Another program is writing in the database" in done.stderr) == (6, True), done.stderr
    finished(loads, workspace, url)


def test_a_reader_sees_the_old_or_the_new_and_never_waits(loads: Loads, server: Server, workspace: Path) -> None:
    """A reader's transaction is open during the load; it reads every table while the load is not yet over, too."""
    import psycopg

    url = server.url("target")
    with psycopg.connect(url, options="-c search_path=world_economies -c lock_timeout=1s") as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        count = "SELECT (SELECT count(*) FROM fact_gdp), (SELECT count(*) FROM newest_figures)"
        assert reader.execute(count).fetchall() == [(50, 50)]
        done = stage("load.py", workspace, url)
        assert done.returncode == 0, done.stderr
        assert reader.execute(count).fetchall() == [(50, 50)]
        reader.commit()
        assert reader.execute("SELECT count(*) FROM fact_gdp").fetchall() == [(100,)]


# --- a disk that is full --------------------------------------------------------------------------------------------


def test_a_full_disk_on_the_server_changes_nothing(loads: Loads, server: Server, workspace: Path) -> None:
    with server.small_disk("20M") as disk:
        server.copy("model", "target", tablespace="small")
        url = server.url("target")
        star(url)  # the server makes files of its own for the first who asks
        disk.fill(leave=64 * 1024)
        done = stage("load.py", workspace, url)
        assert done.returncode == 6, done.stderr
        assert "No space left on device" in done.stderr and "the database is as it was" in done.stderr
        assert star(url) == loads.before
        disk.empty()
        finished(loads, workspace, url)
        server.drop("target")


# --- schemas of others ----------------------------------------------------------------------------------------------


def test_a_schema_of_a_later_version_is_left_alone(loads: Loads, server: Server, workspace: Path) -> None:
    url = server.url("target")
    in_postgresql(url, "INSERT INTO world_economies.etl_schema VALUES (99, '2030-01-01T00:00:00Z')")
    done = stage("load.py", workspace, url)
    assert done.returncode == 6 and "has schema 99, this program knows 3" in done.stderr, done.stderr
    assert star(url) == loads.before


def test_a_check_that_fails_stops_the_publishing(loads: Loads, server: Server, workspace: Path) -> None:
    """A row lost by another program's hand: the load sees that a vintage is not whole, and changes nothing."""
    url = server.url("target")
    in_postgresql(url, "DELETE FROM world_economies.fact_gdp WHERE iso3 = 'KEN' AND year = 2023")
    held = star(url)
    done = stage("load.py", workspace, url)
    assert done.returncode == 3, done.stderr
    assert "The check figures_counted fails after the load" in done.stderr
    assert star(url) == held
    done = stage("load.py", workspace, url, "--rebuild")
    assert done.returncode == 0, done.stderr
    assert star(url) == loads.after


def test_no_permission_is_told(loads: Loads, server: Server, workspace: Path) -> None:
    in_postgresql(server.url("postgres"), "DROP ROLE IF EXISTS guest")
    in_postgresql(server.url("postgres"), "CREATE ROLE guest LOGIN PASSWORD 'guest'")
    done = stage("load.py", workspace, server.url("target", user="guest", password="guest"))
    assert done.returncode == 6 and "permission denied" in done.stderr, done.stderr
    assert star(server.url("target")) == loads.before


def test_an_altered_table_is_told_with_what_differs(loads: Loads, server: Server, workspace: Path) -> None:
    url = server.url("target")
    in_postgresql(url, "ALTER TABLE world_economies.fact_gdp DROP COLUMN value_text CASCADE")
    in_postgresql(url, "ALTER TABLE world_economies.dim_country ALTER COLUMN m49 TYPE integer USING 1")
    done = stage("load.py", workspace, url)
    assert done.returncode == 6, done.stderr
    assert "dim_country has m49 as integer, not text, fact_gdp lacks value_text" in done.stderr
