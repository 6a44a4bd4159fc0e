"""A PostgreSQL server of the tests' own: a throw-away cluster on loopback, started by a fixture and stopped by it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

USER, PASSWORD = "analyst", "s3cr3t pass"
SAFE = ["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "autovacuum=off", "-c", "shared_buffers=32MB"]


STAR = {"dim_country": "iso3, iso2, name, region, subregion, region_version, m49, other_names",
        "dim_vintage": "dataset, label, updated, published, dating, vintage",
        "dim_scope": "dataset, indicator, vintage, first_year, last_year",
        "dim_scope_key": "dataset, indicator, iso3, year, vintage",
        "fact_gdp": "dataset, indicator, iso3, year, from_vintage, to_vintage, value, value_text, decimals, forecast",
        "etl_batch": "batch_id, dataset, label, updated, digest, figures, picture_year",
        "etl_load": "batch_id, channel, sha256, url, accepted",
        "countries_by_gdp": "Country, GDP_USD_billion, GDP_as_published, Region, Subregion, ISO3, Year, Forecast, "
                            "Dataset, Vintage",
        "picture": "id, dataset, label, updated, channel",
        "fact_revision": "dataset, indicator, iso3, year, vintage, old_vintage, kind, old_text, new_text, old_value, "
                         "new_value, change, old_forecast, new_forecast",
        "fact_region": "dataset, vintage, year, region, economies"}


def programs() -> Path | None:
    """Return the folder of the server's programs, None where there is none."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    known = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return known[-1].parent if known else None


class Disk:
    """A small disk that can be filled. place: where it is mounted."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def fill(self, *, leave: int) -> None:
        """Take all of it but so many bytes."""
        free = os.statvfs(self.place)
        (self.place / "filler").write_bytes(b"\0" * max(free.f_bavail * free.f_frsize - leave, 0))

    def empty(self) -> None:
        """Give it back."""
        (self.place / "filler").unlink()


class Server:
    """A running server. port: on 127.0.0.1; databases are made by create()."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder, self.binaries = folder, binaries
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    def url(self, database: str, *, user: str = USER, password: str = PASSWORD, port: int = 0) -> str:
        """Return the address of a database; port: of a proxy."""
        return f"postgresql://{user}:{password.replace(' ', '%20')}@127.0.0.1:{port or self.port}/{database}"

    def create(self, name: str) -> str:
        """Make an empty database, and return its address."""
        self.drop(name)
        self._run(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def drop(self, name: str) -> None:
        """Drop a database, whoever is connected."""
        self._run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def copy(self, model: str, name: str, *, tablespace: str = "") -> str:
        """Make a database anew as another one is, and return its address."""
        self.drop(name)
        self._run(f'CREATE DATABASE "{name}" TEMPLATE "{model}"' + (f" TABLESPACE {tablespace}" if tablespace else ""))
        return self.url(name)

    def _run(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    @contextmanager
    def small_disk(self, size: str) -> Iterator[Disk]:
        """Make the tablespace "small" on a disk of its own; skips the test where none can be mounted."""
        place = self.folder / "small"
        place.mkdir()
        self._give(place)
        owner = f"uid={_nobody().pw_uid},gid={_nobody().pw_gid},mode=0700"
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},{owner}", "tmpfs", place], check=False,
                          capture_output=True).returncode:
            pytest.skip("no disk can be mounted here")
        try:
            self._run(f"CREATE TABLESPACE small LOCATION '{place}'")
            yield Disk(place)
            self._run("DROP TABLESPACE small")
        finally:
            subprocess.run(["umount", "--lazy", place], check=True)

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = (self.folder / "server.log").open("ab")
        with log:
            self.process = self._as_user(["postgres", "-D", str(self.folder / "data"), "-p", str(self.port), "-k",
                                          str(self.folder), "-h", "127.0.0.1", *SAFE], log.fileno())
        ready = self.binaries / "pg_isready"
        deadline = time.monotonic() + 60  # a count of askings is over in a second: the server refuses each at once
        while time.monotonic() < deadline:
            command = [ready, "-q", "-h", "127.0.0.1", "-p", str(self.port), "-t", "1"]
            if subprocess.run(command, check=False).returncode == 0:
                return
            if self.process.poll() is not None:
                break
        raise RuntimeError((self.folder / "server.log").read_text(errors="replace")[-2000:])

    def stop(self) -> None:
        """Stop it at once, its connections cut."""
        if self.process:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)
            self.process = None

    def make(self) -> None:
        """Make the cluster: one user, who logs in by password."""
        secret = self.folder / "password"
        secret.write_text(PASSWORD + "\n")
        for path in (self.folder, secret):
            self._give(path)
        process = self._as_user(["initdb", "-D", str(self.folder / "data"), "-U", USER, "-A", "scram-sha-256",
                                 "--pwfile", str(secret), "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"],
                                subprocess.DEVNULL)
        if process.wait(60):
            raise RuntimeError("initdb failed")

    def _give(self, path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, _nobody().pw_uid, _nobody().pw_gid)

    def _as_user(self, words: list[str], output: int) -> subprocess.Popen[bytes]:
        command = [str(self.binaries / words[0]), *words[1:]]
        more = {"user": _nobody().pw_uid, "group": _nobody().pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "HOME": str(self.folder)}
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self.folder,
                                env=environment, **more)


def _nobody() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")  # the server refuses to run as root


@contextmanager
def running() -> Iterator[Server]:
    """Run a server of its own; skips the test where PostgreSQL or its driver is missing."""
    pytest.importorskip("psycopg", reason="the group `warehouse` is not installed")
    if not (binaries := programs()):
        pytest.skip("no PostgreSQL server on this machine")
    # Not in pytest's folders, which every other start of pytest closes to the user that the server is.
    folder = Path(tempfile.mkdtemp(prefix="world-economies-pg-"))
    server = Server(folder, binaries)
    try:
        server.make()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def in_postgresql(url: str, text: str, schema: str = "world_economies") -> list[tuple[Any, ...]]:
    """Run a statement and return its rows."""
    import psycopg

    with psycopg.connect(url, options=f"-c search_path={schema}") as connection:
        cursor = connection.execute(text)
        return cursor.fetchall() if cursor.description else []


def star_of(rows: Callable[[str], list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """Return every table of the star, sorted, by a function that asks for one."""
    return {table: sorted(rows(f"SELECT {columns} FROM {table}"), key=repr) for table, columns in STAR.items()}


def star(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return every table of the star in PostgreSQL, sorted."""
    return star_of(lambda text: in_postgresql(url, text))
