"""Without a network auto reaches the bundle, also where packets or names are dropped in silence."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.project import manifest, run

# Loaded by every child before its own code: a resolver that never answers.
HANGING_RESOLVER = """
import socket, threading
socket.getaddrinfo = lambda *_, **__: threading.Event().wait()
"""


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that drops what arrives: its backlog is full, so that Linux answers no further connection."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(full.getsockname())
        yield full.getsockname()[1]


def test_packets_dropped_in_silence(silent_port: int, tmp_path: Path) -> None:
    there = f"http://127.0.0.1:{silent_port}/"
    done = run("extract.py", workspace=tmp_path, timeout=60, env={
        f"WORLD_ECONOMIES_{name}_URL": there for name in ("IMF", "DATAMAPPER", "WIKIPEDIA")})
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("did not accept a connection within 2 s") == 3
    assert manifest(tmp_path, "extract")["facts"]["channel"] == "bundled"


@pytest.mark.full
def test_names_dropped_in_silence(tmp_path: Path) -> None:
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "sitecustomize.py").write_text(HANGING_RESOLVER)
    done = run("extract.py", workspace=tmp_path / "w", timeout=60, env={"PYTHONPATH": str(tmp_path / "path")})
    assert done.returncode == 0, done.stderr
    assert [f"The name {host} did not resolve within 2 s" in done.stderr
            for host in ("api.imf.org", "www.imf.org", "en.wikipedia.org")] == [True] * 3
    assert manifest(tmp_path / "w", "extract")["facts"]["channel"] == "bundled"


def test_no_network_at_all_is_quick_and_names_every_cause(tmp_path: Path) -> None:
    nobody = {f"WORLD_ECONOMIES_{name}_URL": "http://127.0.0.1:1/" for name in ("IMF", "DATAMAPPER", "WIKIPEDIA")}
    done = run("extract.py", workspace=tmp_path, env=nobody)
    assert done.returncode == 0, done.stderr
    told = manifest(tmp_path, "extract")["facts"]["fallbacks"]
    assert [line.split(":")[0] for line in told] == ["imf", "datamapper", "wikipedia"]
