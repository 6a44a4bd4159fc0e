"""The sweep: a run is struck at a write boundary, the same command is typed again, and what is left is compared.

A scene is a run that changes what somebody reads: how to put it back as it was before, the command, and what readers
see. Its boundaries are counted once by letting it run undisturbed; then each kill is a struck run and its repetition.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import random
import re
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.errors import ExitCode
from tests import large_table, tracing
from tests.lakes import held, in_folder
from tests.object_store import BUCKET, ObjectStore
from tests.orchestra import content, half_written, table_options, write_table
from tests.postgres import Server, star, star_of
from tests.project import run
from tests.redshift import Warehouse
from tests.tracing import Strike, Traced, script

SEED = 20_261_121
# Columns of the results' files that tell which run made them, and when.
PASSING = re.compile(rb'"[0-9-]{10}T[0-9:]{8}Z"|[0-9-]{10}T[0-9:]{8}Z|[0-9]{8}T[0-9]{6}Z[-a-z0-9]*')
TAKES_ROOM = ("write", "mkdir", "truncate", "sync")
ENDINGS = {".html": b"</html>\n"}  # of the others a whole line


class Scene:
    """A run to be struck, in the workspace `root`; a folder beside it keeps how that was before.

    ports: where servers of the target listen; scripts: whose boundaries are struck.
    """

    name = ""
    scripts: tuple[str, ...] = ("load.py",)
    ports: tuple[int, ...] = ()
    recorded: tuple[list[dict[str, Any]], set[str]] | None = None  # tests.power.recorded

    def __init__(self, folder: Path) -> None:
        self.root, self.model = folder / "w", folder / "before"
        self.prepare()
        if not self.model.exists():
            self.model.mkdir()
        self.reset()
        self.before, self.old = self.state(), self.opened()
        began = time.monotonic()
        self.quiet = self.traced(None)
        assert self.quiet.code == 0, self.quiet.err
        self.seconds = time.monotonic() - began
        self.after, self.new = self.state(), self.opened()
        assert self.before != self.after
        assert set(self.scripts) <= set(self.quiet.counts)

    def prepare(self) -> None:
        """Make `model` and what else has to be there before."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """Return what is typed."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Return the variables it is typed with."""
        return {}

    def state(self) -> Any:
        """Return what readers see. Fails where that is not whole."""
        raise NotImplementedError

    def opened(self) -> dict[str, bytes]:
        """Return the files that people open; each is replaced by itself. Fails where one is not whole."""
        return {}

    def reset(self) -> None:
        """Put everything back as it was before."""
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(self.model, self.root, symlinks=True)

    def traced(self, strike: Strike | None) -> Traced:
        """Run the command, struck or not."""
        return tracing.traced(self.command(), self.root, strike, ports=self.ports, env=self.environment())

    def typed(self) -> subprocess.CompletedProcess[str]:
        """Run the command undisturbed."""
        return run(Path(self.command()[1]).name, *self.command()[4:], workspace=self.root, env=self.environment())

    def cost(self) -> int:
        """Return how many boundaries the struck scripts have."""
        return sum(self.quiet.counts[each] for each in self.scripts)


# --- what readers see ---------------------------------------------------------------------------------------------


def files(root: Path) -> dict[str, bytes]:
    """Return the results that people open, each whole, without the names and times of runs."""
    found = {}
    for path in sorted((root / "results").glob("[!.]*.*")):
        data = path.read_bytes()
        assert data.endswith(ENDINGS.get(path.suffix, b"\n")), f"{path.name} is not whole"
        if path.suffix == ".json":
            json.loads(data)
        # Compressed or hashed: equal where the CSV files and the database are.
        if path.name not in ("datapackage.json", "report.html"):
            found[path.name] = PASSING.sub(b"", data)
    return found


def whole_package(root: Path) -> None:
    """Assert that the data package, where it is there, names files that are there as it says."""
    path = root / "results" / "datapackage.json"
    if not path.exists():
        return
    for told in json.loads(path.read_bytes())["resources"]:
        data = (root / "results" / told["path"]).read_bytes()
        assert (len(data), f"sha256:{hashlib.sha256(data).hexdigest()}") == (told["bytes"], told["hash"])


def archived(root: Path) -> set[str]:
    """Return the answers that are in the archive, by their records; each has its bytes."""
    archive, found = root / "results" / "archive", set()
    for path in archive.glob("[!.]*.json"):
        for told in json.loads(path.read_bytes())["documents"]:
            if told["kept"]:
                digest = hashlib.sha256((archive / told["body"]).read_bytes()).hexdigest()
                assert digest == told["sha256"], f"{path.name} has lost its bytes"
                found.add(digest)
    return found


class Sqlite(Scene):
    """The whole run into SQLite; with `earlier` a printing more of a table that is loaded."""

    name = "sqlite"
    scripts = ("etl_process.py", "extract.py", "transform.py", "load.py", "report.py")
    earlier = True
    more: tuple[str, ...] = ("--no-html",)

    def prepare(self) -> None:
        self.table = self.root.parent / "gdp.csv"
        if self.earlier:
            write_table(self.table)
            done = run("etl_process.py", *table_options(self.table), *self.more, workspace=self.model)
            assert done.returncode == 0, done.stderr
        write_table(self.table, first=950)

    def command(self) -> list[str]:
        return script("etl_process.py", self.root, *table_options(self.table), *self.more)

    def state(self) -> Any:
        whole_package(self.root)
        if not (self.root / "sqliteDB" / "World_Economies.db").exists():
            return None
        return content(self.root)

    def opened(self) -> dict[str, bytes]:
        return files(self.root)


class SqliteFirst(Sqlite):
    """The same from nothing, with the page."""

    name = "sqlite, first run, with the page"
    earlier = False
    more = ()


class Parquet(Scene):
    """A load into a lake that holds an earlier vintage."""

    name = "parquet"
    target = "parquet:lake"

    def prepare(self) -> None:
        table = self.root.parent / "gdp.csv"
        for first in (900, 950):
            write_table(table, first=first)
            for stage, more in (("extract.py", table_options(table)), ("transform.py", []), ("load.py", [])):
                if (first, stage) != (950, "load.py"):
                    done = run(stage, *more, workspace=self.model, env=self.environment())
                    assert done.returncode == 0, done.stderr

    def command(self) -> list[str]:
        return script("load.py", self.root)

    def environment(self) -> dict[str, str]:
        return {"WORLD_ECONOMIES_TARGET": self.target}

    def state(self) -> Any:
        return in_folder(self.root / "lake")


class ObjectStoreLake(Parquet):
    """The same in a lake in an object store; what is sent there are boundaries."""

    name = "parquet in S3"
    target = f"parquet:s3://{BUCKET}/lake"

    def __init__(self, folder: Path, store: ObjectStore) -> None:
        self.store, self.ports = store, (store.port,)
        super().__init__(folder)

    def prepare(self) -> None:
        super().prepare()
        self.held = {key: self.store.get(key) for key in self.store.keys("lake")}

    def reset(self) -> None:
        super().reset()
        for key in self.store.keys("lake"):
            self.store.client.delete_object(Bucket=BUCKET, Key=key)
        for key, data in self.held.items():
            self.store.put(key, data)

    def state(self) -> Any:
        return held(lambda name: self.store.get(f"lake/{name}"))


class Postgresql(Parquet):
    """A load into a PostgreSQL that holds an earlier vintage; its messages are boundaries, too."""

    name = "postgresql"

    def __init__(self, folder: Path, server: Server) -> None:
        self.server, self.ports = server, (server.port,)
        self.target = server.create("model")
        super().__init__(folder)

    def reset(self) -> None:
        super().reset()
        self.server.copy("model", "target")
        self.target = self.server.url("target")

    def state(self) -> Any:
        return star(self.server.url("target"))


class Redshift(Parquet):
    """The same by S3 through Redshift's own driver, into tables without keys."""

    name = "redshift (stand-in)"

    def __init__(self, folder: Path, warehouse: Warehouse, server: Server, port: int) -> None:
        self.server, self.warehouse, self.ports = server, warehouse, (warehouse.port, port)
        self.target = warehouse.url()
        super().__init__(folder)

    def prepare(self) -> None:
        super().prepare()
        self.server.copy(self.warehouse.name, "redshift_model")

    def reset(self) -> None:
        super().reset()
        self.server.copy("redshift_model", self.warehouse.name)

    def state(self) -> Any:
        return star_of(self.warehouse.rows)


class Regions(Scene):
    """A large table in pieces, by two workers, into the databases of the regions that hold another."""

    name = "regions"
    scripts = ("extract.py", "transform.py", "load.py",
               "worker of extract.py", "worker of transform.py", "worker of load.py")

    def prepare(self) -> None:
        self.table = large_table.write(self.root.parent / "big.csv", 300, seed=5)
        done = run("etl_process.py", *self.command()[4:], workspace=self.model)
        assert done.returncode == 0, done.stderr
        large_table.write(self.table, 1_200, unknown=20)

    def command(self) -> list[str]:
        return script("etl_process.py", self.root, "--source", "table", "--input", self.table, "--target", "regions",
                      "--no-html", "--engine", "polars", "--workers", "2", "--piece-size", "16K")

    def state(self) -> Any:
        return large_table.held(self.root)


# --- kills ----------------------------------------------------------------------------------------------------------


@dataclass
class Outcome:
    """What came of the kills of one scene: one line of the table.

    kills: that reached their boundary; missed: that did not, since runs differ; recovered: after which the same command
    ended well; divergences: every difference, in words; worst: the most seconds that a kill and its repetition took
    beyond the undisturbed run.
    """

    scene: str
    failure: str = "kill"
    boundaries: int = 0
    kills: int = 0
    recovered: int = 0
    missed: int = 0
    worst: float = 0.0
    divergences: list[str] = field(default_factory=list)

    def line(self) -> dict[str, Any]:
        """Return it as a line of the table."""
        return {"target": f"{self.scene}: {self.failure}", "boundaries": self.boundaries, "kills": self.kills,
                "missed": self.missed, "recovered": self.recovered,
                "divergences": len(self.divergences), "worst": round(self.worst, 1)}


def every(scene: Scene, *, whom: Iterable[str] = ("self",), halves: bool = True) -> list[Strike]:
    """Return a kill at every boundary of the scene, each write also after its half, for each of whom."""
    places = [each for each in scene.quiet.events if each["script"] in scene.scripts]
    found = [Strike(at["script"], at["number"], whom=each) for each in whom for at in places]
    if halves:
        found += [Strike(at["script"], at["number"], when="half", whom="all")
                  for at in places if at["kind"] in ("write", "send")]
    return found


def full(scene: Scene) -> list[Strike]:
    """Return a full disk, which stays full, at every boundary that takes room."""
    return [Strike(at["script"], at["number"], act="error", errno=errno.ENOSPC, sticky=True)
            for at in scene.quiet.events if at["script"] in scene.scripts
            and (at["kind"] in TAKES_ROOM or at.get("creates"))]


def picked(strikes: list[Strike], count: int) -> list[Strike]:
    """Return so many of them, spread over all by seed."""
    dice, step = random.Random(SEED), len(strikes) / count
    return [strikes[int((number + dice.random()) * step)] for number in range(count)]


def swept(scene: Scene, strikes: Iterable[Strike]) -> Outcome:
    """Kill at each strike and type the command again; every kill begins with how it was before."""
    told = Outcome(scene.name, boundaries=scene.cost())
    for strike in strikes:
        told.failure = "full disk" if strike.act == "error" else "kill"
        scene.reset()
        began = time.monotonic()
        struck = scene.traced(strike)
        lost = time.monotonic() - began
        if struck.struck is None:
            told.missed += 1
            continue
        told.kills += 1
        with noted(told, strike, struck.struck):
            assert "Traceback" not in struck.err, struck.err
            if strike.act == "error":
                # Workers take turns otherwise than when they were counted: it may be an open that takes no room.
                real = struck.struck["kind"] in TAKES_ROOM or struck.struck.get("creates")
                if real and (struck.code or not struck.struck["path"].startswith("log/")):  # of a log: ends nothing
                    assert struck.code == ExitCode.DISK_FULL, f"it ends with {struck.code}: {struck.err}"
                    assert "The disk is full" in struck.err and "next:" in struck.err, struck.err
                assert half_written(scene.root) == [], "a full disk left something half-written"
            old_or_new(scene)
            told.worst = max(told.worst, lost + repeated(scene) - scene.seconds)
            told.recovered += 1
    return told


def repeated(scene: Scene) -> float:
    """Type the command again, assert that all is as after an undisturbed run, and return the seconds it took."""
    kept = archived(scene.root)
    began = time.monotonic()
    again = scene.typed()
    seconds = time.monotonic() - began
    assert again.returncode == 0, f"the same command ends with {again.returncode}: {again.stderr}"
    new(scene)
    assert kept <= archived(scene.root), "something fetched is lost"
    clean(scene.root)
    return seconds


def old_or_new(scene: Scene) -> None:
    """Assert that readers see what was before or what comes, of each file that is replaced by itself too."""
    assert scene.state() in (scene.before, scene.after), "readers see neither the old nor the new"
    seen = scene.opened()
    for name in sorted({*seen, *scene.old, *scene.new}):
        assert seen.get(name) in (scene.old.get(name), scene.new.get(name)), f"{name} is neither the old nor the new"


def new(scene: Scene) -> None:
    """Assert that readers see what an undisturbed run leaves."""
    assert scene.state() == scene.after, "the content is not that of an undisturbed run"
    seen = scene.opened()
    other = sorted(name for name in {*seen, *scene.new} if seen.get(name) != scene.new.get(name))
    assert not other, f"not what an undisturbed run leaves: {other}"


@contextmanager
def noted(told: Outcome, strike: object, struck: object) -> Iterator[None]:
    """Keep what does not hold as a divergence, and go on."""
    try:
        yield
    except (AssertionError, sqlite3.Error, OSError, ValueError) as error:
        told.divergences.append(f"{told.scene}: {strike} at {struck}: {type(error).__name__}: {error}")


def clean(root: Path) -> None:
    """Assert that nothing half-made lies about and that nobody holds the workspace."""
    left = half_written(root)
    assert left == [], f"half-written: {left}"
    work = root / "results" / "work"
    assert not work.exists() or not any(work.iterdir()), "results/work holds something"
    if (root / "results" / ".lock").exists():
        with (root / "results" / ".lock").open("r+") as lock, closing(lock):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
