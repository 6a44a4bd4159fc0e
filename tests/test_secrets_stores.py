"""The secrets of databases and stores that let a run in: it ends well, and no trace of them is anywhere after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.canary import Story, canary, quoted, shows_nothing, surroundings
from tests.object_store import BUCKET, ObjectStore
from tests.orchestra import table_options, write_table
from tests.postgres import Server as Database
from tests.postgres import in_postgresql, running
from tests.redshift import Make, warehouses
from tests.server import Server
from tests.test_secrets_manager import Vault

pytestmark = [pytest.mark.full, pytest.mark.usefixtures("plain_environment")]


class Home(NamedTuple):
    """Where a story is told. env: full of secrets, and of the store's address. table: options of a run of a table."""

    folder: Path
    server: Server
    env: dict[str, str]
    table: tuple[str, ...]

    def told(self, story: Story, *, again: bool = True) -> None:
        """Tell it, and once more with nothing to do."""
        story = replace(story, options=(*self.table, *story.options))
        for _ in range(1 + again):
            shows_nothing(story, self.env, self.server, self.folder / "w")


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Make, ObjectStore]]:
    with warehouses() as found:
        yield found


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with running() as server:
        yield server


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    (tmp_path / "secrets").mkdir()
    with Server() as server:
        yield Home(tmp_path, server, surroundings(tmp_path / "home", server),
                   tuple(table_options(write_table(tmp_path / "gdp.csv"))))


def let_in(database: Database, place: str) -> str:
    """Make a database and a user whose password is the secret of a place; return "127.0.0.1:PORT/DATABASE"."""
    import psycopg
    from psycopg.sql import SQL, Identifier, Literal

    url = database.create(f"canary_{place}")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SQL("CREATE ROLE {} SUPERUSER LOGIN PASSWORD {}").format(
            Identifier(place), Literal(canary(place))))
    return url.rpartition("@")[2]


def count(database: Database, place: str) -> int:
    """Return how many economies the picture has."""
    return int(in_postgresql(database.url(f"canary_{place}"), "SELECT count(*) FROM countries_by_gdp")[0][0])


# Where a password of PostgreSQL may stand -> what finds it: {0} is the address without a login, {1} a file of it.
PASSWORDS = {
    "file": (("--target-file", "{1}"), {}),
    "target": ((), {"WORLD_ECONOMIES_TARGET": "postgresql://target:{2}@{0}"}),
    "libpq": (("--target", "postgresql://libpq@{0}"), {"PGPASSWORD": canary("libpq"), "PGPASSFILE": ""}),
    "passfile": (("--target", "postgresql://passfile@{0}"), {}),
}


@pytest.mark.parametrize("place", PASSWORDS)
def test_postgresql_lets_it_in(place: str, home: Home, database: Database) -> None:
    address, (options, env) = let_in(database, place), PASSWORDS[place]
    (home.folder / "target").write_text(f"postgresql://{place}:{quoted(place)}@{address}")

    def filled(text: str) -> str:
        return text.replace("{0}", address).replace("{1}", str(home.folder / "target")).replace("{2}", quoted(place))

    story = Story(0, tuple(map(filled, options)), {name: filled(text) for name, text in env.items()})
    home.told(story)
    assert count(database, place) == 20


def test_postgresql_refuses_the_password(home: Home, database: Database) -> None:
    address = let_in(database, "key")  # which is not that of `target`
    home.told(Story(6, (), {"WORLD_ECONOMIES_TARGET": f"postgresql://key:{quoted('target')}@{address}"},
                    words="password authentication failed"), again=False)


def test_a_lake_in_a_store_by_keys_and_a_session(home: Home, both: tuple[Make, ObjectStore]) -> None:
    _, store = both
    home.env["AWS_ENDPOINT_URL"] = store.address
    home.told(Story(0, ("--target", f"s3://{BUCKET}/lake")))
    assert "lake/manifest.json" in store.keys("lake/")


def test_a_lake_in_a_store_by_a_file_of_keys(home: Home, both: tuple[Make, ObjectStore]) -> None:
    _, store = both
    home.env["AWS_ENDPOINT_URL"] = store.address
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        del home.env[name]
    home.told(Story(0, ("--target", f"s3://{BUCKET}/other")))
    assert "other/manifest.json" in store.keys("other/")


def test_a_warehouse_by_its_address_in_a_vault(home: Home, both: tuple[Make, ObjectStore]) -> None:
    make, store = both
    warehouse = make("canary")
    warehouse.password = canary("file")
    Vault(store).keep("gdp", warehouse.url())
    home.env["AWS_ENDPOINT_URL"] = store.address
    home.told(Story(0, ("--target", "secretsmanager:gdp")))
    assert warehouse.rows("SELECT count(*) FROM countries_by_gdp") == [(20,)]
    assert any(text.startswith("COPY ") for text in warehouse.sent)
