"""pipeline.notify: the one who is told of a run may lie, drip or be gone, and the run ends all the same."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from pipeline.notify import post
from tests.http_answers import by_hand
from tests.orchestra import etl
from tests.server import Answer, Server

pytestmark = pytest.mark.usefixtures("plain_environment")
OK = b"HTTP/1.1 200 OK\r\n"
CANARY = "c4nary-hook"


@pytest.mark.parametrize(("start", "told"), [
    (OK + b"Content-Length: 9999\r\n\r\n", ""), (OK + b"X-Endless: ", "127.0.0.1 did not answer within 0.4 s")],
    ids=["body", "headers"])
def test_a_receiver_that_drips_is_left(start: bytes, told: str, server: Server) -> None:
    over = threading.Event()
    server.routes["/hook"] = by_hand(start, *[b"x"] * 400, pause=lambda: over.wait(0.05))
    began = time.monotonic()
    assert post(f"{server.url}/hook", {"exit_code": 0}, timeout=0.4) == told
    assert time.monotonic() - began < 2
    over.set()


def test_what_a_receiver_says_is_not_read(server: Server) -> None:
    sent = []

    def write(stream: object) -> None:
        stream.write(OK + b"\r\n")  # type: ignore[attr-defined]
        for _ in range(256):
            sent.append(stream.write(b"x" * 2**20))  # type: ignore[attr-defined]

    server.routes["/hook"] = Answer(by_hand=write)
    assert post(f"{server.url}/hook", {}) == ""
    assert len(sent) < 64  # what the system's buffers hold


@pytest.mark.parametrize("url", [f"http://user:{CANARY}@[bad/", f"ftp://h/{CANARY}",
                                 f"https://127.0.0.1:9/{CANARY}", f"{CANARY}", "http://"])
def test_an_address_that_is_none_is_told_without_it(url: str) -> None:
    told = post(url, {}, timeout=5)
    assert told and CANARY not in told


@pytest.mark.parametrize(("name", "value"), [("REQUESTS_CA_BUNDLE", "/nowhere.pem"),
                                             ("HTTPS_PROXY", f"http://user:{CANARY}@[bad")])
def test_an_environment_that_is_wrong_ends_no_run(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    told = post("https://127.0.0.1:9/hook", {}, timeout=5)
    assert told.startswith("127.0.0.1: ") and CANARY not in told


@pytest.mark.full
def test_a_run_ends_well_whatever_the_receiver_does(table: Path, finished: Path, server: Server) -> None:
    server.routes["/endless"] = by_hand(OK + b"\r\n", *[b"x" * 2**20] * 2000)
    server.routes["/gone"] = by_hand()
    server.routes["/silly"] = by_hand(b"\x00\xff\n")
    for at, path in enumerate(("endless", "gone", "silly")):
        done = etl(table, finished, env={"WORLD_ECONOMIES_NOTIFY": f"{server.url}/{path}"})
        assert done.returncode == 0, done.stderr
        assert ("could not be posted" in done.stderr) == (at > 0) and "Traceback" not in done.stderr
