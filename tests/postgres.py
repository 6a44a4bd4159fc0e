"""A PostgreSQL server of the tests' own: a throw-away cluster on loopback, started by a fixture and stopped by it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

USER, PASSWORD = "analyst", "s3cr3t pass"
SAFE = ["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "autovacuum=off", "-c", "shared_buffers=32MB"]


def programs() -> Path | None:
    """Return the folder of the server's programs, None where there is none."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    known = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return known[-1].parent if known else None


class Server:
    """A running server. port: on 127.0.0.1; databases are made by create()."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder, self.binaries = folder, binaries
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    def url(self, database: str, *, user: str = USER, password: str = PASSWORD, more: str = "") -> str:
        """Return the address of a database."""
        return f"postgresql://{user}:{password.replace(' ', '%20')}@127.0.0.1:{self.port}/{database}{more}"

    def create(self, name: str) -> str:
        """Make an empty database, and return its address."""
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

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
def running(folder: Path) -> Iterator[Server]:
    """Run a server in a folder; skips the test where PostgreSQL or its driver is missing."""
    pytest.importorskip("psycopg", reason="the group `warehouse` is not installed")
    if not (binaries := programs()):
        pytest.skip("no PostgreSQL server on this machine")
    for parent in (folder, *folder.parents):  # pytest's own are closed to others
        if parent.stat().st_uid == os.geteuid() and os.geteuid() == 0 and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    server = Server(folder, binaries)
    server.make()
    server.start()
    try:
        yield server
    finally:
        server.stop()
