"""PostgreSQL set up otherwise than usual: altered columns, other encodings, settings of a role or of an address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.countries import load_identity
from pipeline.errors import TargetRefused
from targets.postgresql import Target
from tests.history_db import batch, gdp
from tests.postgres import Server, in_postgresql, running
from utils import Workspace

VIEWS = ("DROP MATERIALIZED VIEW world_economies.newest_figures, world_economies.region_top5, "
         "world_economies.revisions; DROP VIEW world_economies.fact_region; DROP VIEW world_economies.fact_revision;")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as server:
        yield server


def load(root: Path, url: str, label: str, value: str) -> None:
    identity = load_identity()
    with Target(Workspace(root), url=url) as target:
        target.describe(identity.countries(), identity.version)
        target.publish([batch(label, gdp({"KEN": {2024: value}, "TUR": {2024: "5"}}))])


@pytest.mark.parametrize(("column", "kind"), [("fact_gdp ALTER value", "bigint"),
                                              ("Countries_by_GDP ALTER GDP_USD_billion", "real")])
def test_a_column_of_another_type_takes_no_figure(server: Server, tmp_path: Path, column: str, kind: str) -> None:
    url = server.create("altered")
    load(tmp_path, url, "2024-10", "100")
    in_postgresql(url, f"{VIEWS}ALTER TABLE world_economies.{column} TYPE {kind}")
    with pytest.raises(TargetRefused, match=f"as {kind}, not double precision"):
        load(tmp_path, url, "2025-04", "100.5")
    assert in_postgresql(url, "SELECT iso3, value FROM fact_gdp ORDER BY 1") == [("KEN", 100), ("TUR", 5)]


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_of_another_encoding(server: Server, tmp_path: Path, encoding: str) -> None:
    server.drop("encoded")
    server._run(f"CREATE DATABASE encoded ENCODING '{encoding}' TEMPLATE template0")
    url = server.url("encoded")
    for value in ("1", "2"):
        load(tmp_path, url, f"202{value}-10", value)
    asked = Target(Workspace(tmp_path), url=url)
    assert {row["name"] for row in asked.query("countries", {})} >= {"Kenya", "Türkiye", "Côte d'Ivoire"}
    assert in_postgresql(url, "SELECT value FROM fact_gdp WHERE iso3 = 'KEN' ORDER BY from_vintage") == [(1,), (2,)]


def test_settings_of_the_database_and_of_the_address(server: Server, tmp_path: Path) -> None:
    url = server.create("settings")
    in_postgresql(url, "ALTER DATABASE settings SET default_transaction_isolation = 'repeatable read'")
    options = "?options=-c%20work_mem%3D5MB%20-c%20search_path%3Dpublic"
    with Target(Workspace(tmp_path), url=url + options) as target:
        # Under repeatable read one that waited for another load would go on from what was there before.
        assert target._value("SHOW transaction_isolation") == "read committed"
        assert target._value("SELECT reset_val FROM pg_settings WHERE name = 'work_mem'") == "5120"
        assert target._value("SELECT current_schema()") == "world_economies"


def test_a_table_named_as_a_stage_is_its_owners(server: Server, tmp_path: Path) -> None:
    url = server.create("staged")
    load(tmp_path, url, "2024-10", "100")
    in_postgresql(url, "CREATE TABLE world_economies.stage_delete_range (a text)")
    load(tmp_path, url, "2025-04", "100.5")
    assert in_postgresql(url, "SELECT count(*) FROM world_economies.stage_delete_range") == [(0,)]
    assert in_postgresql(url, "SELECT value FROM fact_gdp WHERE iso3 = 'KEN' ORDER BY 1") == [(100,), (100.5,)]
