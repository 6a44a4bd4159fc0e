"""What monitors and --profile tell of PostgreSQL: its memory, its plans, and that it is down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import targets
from pipeline import monitor
from targets import postgresql
from tests.orchestra import etl
from tests.postgres import Server, running
from tests.project import run
from tests.test_metrics import read
from tests.test_profile import PICTURE, profiled
from utils import Workspace


@pytest.fixture
def postgres() -> Iterator[Server]:
    with running() as server:
        yield server


def test_postgresql_tells_its_memory_and_its_plans_and_then_that_it_is_down(postgres: Server, table: Path,
                                                                            tmp_path: Path) -> None:
    file, url = tmp_path / "m.prom", postgres.create("watched")
    workspace, env = tmp_path / "w", {"WORLD_ECONOMIES_TARGET": f"sqlite,{url}"}
    done = etl(table, workspace, "--metrics", str(file), "--no-html", "--no-csv", env=env)
    assert done.returncode == 0, done.stderr
    name = f"postgresql://***@127.0.0.1:{postgres.port}/watched"
    whole = is_told(file, name)
    has_plans(workspace, url, name)
    waits_not_for_ever(workspace, url)
    postgres.stop()
    down = etl(table, workspace, "--metrics", str(file), "--no-html", "--no-csv", "--stage-retries", "0", env=env)
    told = run("etl_process.py", "--status", "--format", "json", workspace=workspace, env=env)
    assert down.returncode == 6, down.stderr
    found = read(file)
    assert found["target_up"] == {("sqlite",): 1, (name,): 0}
    assert (found["last_run_exit_code"], found["stage_failed"][("load",)]) == ({(): 6}, 1)
    assert set(found["target_size_bytes"]) == {("sqlite",)}
    sqlite, other = json.loads(told.stdout)["targets"]
    assert (sqlite["up"], other["up"], other["target"]) == (True, False, name)
    assert other["fault"].startswith("The database does not answer: ")
    assert not any("s3cr3t" in text for text in (whole, file.read_text(), told.stdout, down.stderr))


def is_told(file: Path, name: str) -> str:
    """Look at the metrics of a server that is up; returns them as they are written."""
    found = read(file)
    assert found["target_up"] == {("sqlite",): 1, (name,): 1}
    assert found["target_size_bytes"][(name,)] > 100_000
    assert found["target_cache_bytes"][(name,)] == 32 * 2**20  # as tests/postgres.py sets shared_buffers
    assert found["target_cache_hits_total"][(name,)] > 100
    assert set(found["target_cache_misses_total"]) == set(found["target_spilled_bytes_total"]) == {(name,)}
    assert (found["target_batches"][(name,)], found["target_figures"][(name,)]) == (2, 40)
    assert {query for target, query in found["report_query_seconds"] if target == name} == {"economies", "regions"}
    return file.read_text(encoding="utf-8")


def has_plans(workspace: Path, url: str, name: str) -> None:
    """Look at the plans of a report."""
    told = profiled(workspace, env={"WORLD_ECONOMIES_TARGET": url})
    assert [row["Query"] for row in told["queries"]] == PICTURE
    economies = next(row for row in told["queries"] if row["Query"] == "economies")
    assert economies["Rows"] == 20
    for words in ("actual time=", "Buffers: shared hit=", "Execution Time: "):
        assert words in economies["Plan"]
    assert told["target"] == name
    assert "s3cr3t" not in json.dumps(told)


def waits_not_for_ever(workspace: Path, url: str) -> None:
    """Ask while somebody alters a table: who watches is told that, soon."""
    import psycopg

    with psycopg.connect(url) as other, pytest.MonkeyPatch.context() as patched:
        patched.setattr(postgresql, "WAIT_FOR_LOCK", "50ms")
        other.execute("LOCK TABLE world_economies.etl_batch IN ACCESS EXCLUSIVE MODE")
        [told] = monitor.gathered(Workspace(workspace), targets.open_targets(url, Workspace(workspace)))["targets"]
        other.rollback()
    assert (told["up"], told["fault"]) == (False, "Another program is writing in the database")
