"""The sweep: struck at every write boundary, of every target; the same command then finishes, and nothing is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests import power, tracing
from tests.object_store import known_here, object_store
from tests.postgres import running
from tests.redshift import Warehouse
from tests.sweep import (
    ObjectStoreLake,
    Outcome,
    Parquet,
    Postgresql,
    Redshift,
    Regions,
    Scene,
    Sqlite,
    SqliteFirst,
    every,
    full,
    picked,
    swept,
)

pytestmark = tracing.here
Record = Callable[[str, object], None]
SLICES = 8  # of a sweep, so that processes share it
# scene: kills, full disks and power cuts of the short form
SHORT = {"sqlite": (4, 2, 2), "first": (1, 1, 1), "parquet": (2, 1, 1), "regions": (1, 1, 1), "store": (1, 0, 0),
         "postgresql": (2, 0, 0), "redshift": (1, 0, 0)}
LOCAL = [name for name, (_, disks, _) in SHORT.items() if disks]


def scenes(names: Iterable[str], *usual: str) -> list[Any]:
    """Return the parameters of a test's short form: these by default, the others in the full suite."""
    return [pytest.param(name, marks=[] if name in usual else pytest.mark.full) for name in names]


def made(name: str, folder: Path, opened: ExitStack) -> Scene:
    """Make a scene, with the servers that it needs."""
    if name == "regions":
        pytest.importorskip("polars", reason="the group `large` is not installed")
        pytest.importorskip("adbc_driver_sqlite", reason="the group `large` is not installed")
    if name in ("parquet", "store"):
        pytest.importorskip("pyarrow", reason="the group `large` is not installed")
    if name in ("sqlite", "first", "parquet", "regions"):
        return {"sqlite": Sqlite, "first": SqliteFirst, "parquet": Parquet, "regions": Regions}[name](folder)
    if name == "store":
        pytest.importorskip("moto", reason="moto is not installed")
        store = opened.enter_context(object_store())
        opened.enter_context(known_here(store))
        return ObjectStoreLake(folder, store)
    pytest.importorskip("psycopg", reason="the group `warehouse` is not installed")
    if name == "postgresql":
        return Postgresql(folder, opened.enter_context(running()))
    pytest.importorskip("redshift_connector", reason="the group `warehouse` is not installed")
    pytest.importorskip("moto", reason="moto is not installed")
    server, store = opened.enter_context(running()), opened.enter_context(object_store())
    opened.enter_context(known_here(store))
    warehouse = Warehouse(server, store, "warehouse")
    opened.callback(warehouse.close)
    return Redshift(folder, warehouse, server, store.port)


@pytest.fixture(scope="module")
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with ExitStack() as opened:
        yield made(request.param, tmp_path_factory.mktemp("scene"), opened)


def judged(told: Outcome, record: Record, least: int = 1) -> None:
    """Print its line at the end of the tests, and fail where something diverges."""
    record("sweep", told.line())
    assert told.divergences == []
    assert told.kills >= max(least, told.missed) and told.recovered == told.kills


# --- the short form ---------------------------------------------------------------------------------------------------


# What a scene takes is mostly to make it: PostgreSQL has ten kills of its own in test_postgresql_faults.py.
@pytest.mark.parametrize("scene", scenes(SHORT, "sqlite", "parquet", "regions"), indirect=True)
def test_killed_at_some_boundaries(scene: Scene, record_property: Record) -> None:
    count = SHORT[_key(scene)][0]
    judged(swept(scene, picked(every(scene, whom=("self", "all", "orchestrator")), count)), record_property)


@pytest.mark.parametrize("scene", scenes(LOCAL, "sqlite"), indirect=True)
def test_the_disk_is_full_at_some(scene: Scene, record_property: Record) -> None:
    journals = {(at["script"], at["number"]) for at in scene.quiet.events
                if at.get("creates") and at["path"].endswith("-journal")}  # of which SQLite only says "unable to open"
    places = full(scene)
    found = [each for each in places if (each.script, each.at) in journals]
    judged(swept(scene, [*picked(places, SHORT[_key(scene)][1]), *found[:1]]), record_property)


@pytest.mark.parametrize("scene", scenes(LOCAL, "sqlite"), indirect=True)
def test_the_power_fails_at_some(scene: Scene, record_property: Record) -> None:
    found = list(power.losses(scene))
    judged(power.lost(scene, picked(found, 20), finish=False), record_property)
    judged(power.lost(scene, picked(found, SHORT[_key(scene)][2])), record_property)


@pytest.mark.parametrize("scene", scenes(LOCAL, "sqlite"), indirect=True)
def test_what_is_done_stays_done_when_the_power_fails(scene: Scene) -> None:
    power.kept(scene)


def _key(scene: Scene) -> str:
    return {SqliteFirst: "first", ObjectStoreLake: "store"}.get(type(scene), type(scene).__name__.lower())


# --- every one ----------------------------------------------------------------------------------------------------


@pytest.mark.chaos
@pytest.mark.parametrize("part", range(SLICES))
@pytest.mark.parametrize("scene", SHORT, indirect=True)
def test_killed_at_every_boundary(scene: Scene, part: int, record_property: Record) -> None:
    """The process at its boundary, all at once, and in the usual run the orchestrator alone while a stage writes."""
    whom = {Sqlite: ("self", "all", "orchestrator"), Regions: ("self",)}.get(type(scene), ("all",))
    if not part:
        kinds = Counter(f"{at['script']}: {at['kind']}" for at in scene.quiet.events)
        record_property("boundaries", {"target": scene.name, **dict(sorted(kinds.items()))})
    strikes = every(scene, whom=whom, halves=type(scene) is not Regions)
    judged(swept(scene, strikes[part::SLICES]), record_property, least=5)


@pytest.mark.chaos
@pytest.mark.parametrize("part", range(SLICES))
@pytest.mark.parametrize("scene", LOCAL, indirect=True)
def test_the_disk_is_full_at_every_one(scene: Scene, part: int, record_property: Record) -> None:
    strikes = full(scene) if type(scene) is not Regions else picked(full(scene), 80)
    judged(swept(scene, strikes[part::SLICES]), record_property, least=4)


@pytest.mark.chaos
@pytest.mark.parametrize("part", range(SLICES))
@pytest.mark.parametrize("scene", LOCAL, indirect=True)
def test_the_power_fails_at_every_one(scene: Scene, part: int, record_property: Record) -> None:
    found = list(power.losses(scene))
    judged(power.lost(scene, found[part::SLICES], finish=False), record_property)
    judged(power.lost(scene, picked(found, min(len(found), 80))[part::SLICES]), record_property, least=4)
