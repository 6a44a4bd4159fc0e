"""Many seeded deaths: kill the orchestrator or a stage at any file or any moment, again and again, then finish."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.orchestra import children, content, etl, half_written, launch, table_options, write_table
from tests.test_restart import DAMAGES, part

pytestmark = pytest.mark.chaos
Record = Callable[[str, object], None]
SCRIPTS = ("etl_process.py", "extract.py", "transform.py", "load.py", "report.py")


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("at", range(1, 13))
def test_killed_at_every_file(script: str, at: int, table: Path, undisturbed: Path, tmp_path: Path) -> None:
    etl(table, tmp_path, fault={"script": script, "act": "kill", "at": str(at)})
    done = etl(table, tmp_path)
    assert done.returncode == 0, done.stderr
    assert content(tmp_path) == content(undisturbed)
    assert half_written(tmp_path) == []


@pytest.mark.parametrize("seed", range(50))
def test_killed_at_any_moment_several_times_over(seed: int, table: Path, undisturbed: Path, finished: Path,
                                                 tmp_path: Path, record_property: Record) -> None:
    """An old database is there; every death leaves it or the new one, never anything else."""
    chance = random.Random(seed)
    changed = write_table(tmp_path / "gdp.csv", first=950)
    quiet = tmp_path / "quiet"
    for each in (table, changed):
        assert etl(each, quiet).returncode == 0
    whole, kills = [content(undisturbed), content(quiet)], []
    for _ in range(4):
        process = launch(*table_options(changed), "--workspace", str(finished))

        def strike(victim: int = process.pid) -> None:
            targets = [victim, *children(victim)]
            with suppress(ProcessLookupError):
                os.kill(chance.choice(targets), signal.SIGKILL)
                kills.append(victim)

        timer = threading.Timer(chance.uniform(0.05, 1.6), strike)
        timer.start()
        process.communicate(timeout=60)
        timer.join()
        assert content(finished) in whole
    done = etl(changed, finished)
    assert done.returncode == 0, done.stderr
    assert content(finished) == whole[1]
    assert half_written(finished) == []
    record_property("sweep", {"target": "sqlite: any instant, again and again", "boundaries": "", "kills": len(kills),
                              "recovered": len(kills), "divergences": 0, "worst": 0.0})


@pytest.mark.parametrize("seed", range(40))
def test_any_byte_of_any_checkpoint_flipped(seed: int, table: Path, undisturbed: Path, finished: Path) -> None:
    chance = random.Random(seed)
    files = [path for name in ("staged", "clean", "runs") for path in (finished / "results" / name).rglob("*")
             if path.is_file() and path.name != "current"]
    for path in chance.sample(sorted(files), 2):
        data = bytearray(path.read_bytes())
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(bytes(data))
    done = etl(table, finished)
    assert done.returncode == 0, done.stderr
    assert content(finished) == content(undisturbed)
    assert "Nothing to do" in etl(table, finished).stderr


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", ["staged", "clean", "extract", "transform", "load", "report"])
def test_every_kind_of_damage_to_every_kind_of_checkpoint(
        kind: str, damage: str, table: Path, undisturbed: Path, finished: Path) -> None:
    DAMAGES[damage](part(finished, kind))
    assert etl(table, finished).returncode == 0
    assert content(finished) == content(undisturbed)


@pytest.mark.parametrize("seed", range(6))
def test_a_reader_beside_many_loads_sees_whole_pictures_only(seed: int, finished: Path, tmp_path: Path) -> None:
    sums = {(20, sum(first - 10 * at + 0.25 for at in range(20))) for first in range(900, 960, 10)}
    path, stop, seen = finished / "sqliteDB/World_Economies.db", threading.Event(), set()

    def read() -> None:
        while not stop.is_set():
            with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
                seen.add(db.execute("SELECT count(*), sum(GDP_USD_billion) FROM Countries_by_GDP").fetchone())

    reader = threading.Thread(target=read)
    reader.start()
    for first in random.Random(seed).sample(range(910, 960, 10), 3):
        assert etl(write_table(tmp_path / "gdp.csv", first=first), finished).returncode == 0
    stop.set()
    reader.join()
    assert seen <= sums
