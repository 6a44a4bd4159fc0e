"""The limits, names and redirects of pipeline.http (pipeline.transport), against real servers on loopback."""

from __future__ import annotations

import gzip
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import SourceNonsense, SourceUnreachable, UsageError
from pipeline.http import Http
from pipeline.transport import Unpacker, redirect_target
from tests.http_answers import CHUNKED, JSON, by_hand, refused
from tests.project import PROJECT
from tests.server import Answer, Server

pytestmark = pytest.mark.usefixtures("plain_environment")

# --- limits --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("start", "words"), [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n",
     "bytes when the limit of 0.4 s for the whole answer was over"),
    (b"HTTP/1.1 200 OK\r\nX-Endless: ", "did not finish its answer within 0.4 s"),
    (b"HTTP/1.1 503 Busy\r\nContent-Length: 99999\r\n\r\n", "answers (503 Service Unavailable)"),
], ids=["body", "headers", "error page"])
def test_a_dripping_server_ends_at_the_total_limit(server: Server, start: bytes, words: str) -> None:
    over = threading.Event()
    server.routes["/"] = by_hand(start, *[b"x"] * 400, pause=lambda: over.wait(0.05))
    with Http(timeout=5, total=0.4) as http:
        began = time.monotonic()
        error = refused(http, server.url + "/")
        seconds = time.monotonic() - began
    over.set()
    assert type(error) is SourceUnreachable and words in error.what
    assert 0.35 < seconds < 2.0


def test_a_silent_server_ends_at_the_read_limit(server: Server) -> None:
    over = threading.Event()
    server.routes["/"] = by_hand(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b"x", pause=lambda: over.wait(30))
    server.routes["/nothing"] = by_hand(b"", pause=lambda: over.wait(30))
    with Http(timeout=0.2, retries=0, total=30) as http:
        assert refused(http, server.url + "/").what == "127.0.0.1 said nothing for 0.2 s"
        assert refused(http, server.url + "/nothing").what == "127.0.0.1 said nothing for 0.2 s"
    over.set()


def test_an_address_that_drops_connections_ends_at_the_connect_limit() -> None:
    with socket.socket() as full, Http(timeout=30, connect_timeout=0.3, retries=0) as http:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        callers = []
        for _ in range(4):  # Linux drops in silence what the backlog cannot hold
            caller = socket.socket()
            caller.setblocking(False)
            caller.connect_ex(full.getsockname())
            callers.append(caller)
        start = time.monotonic()
        error = refused(http, f"http://127.0.0.1:{full.getsockname()[1]}/")
        seconds = time.monotonic() - start
        for caller in callers:
            caller.close()
    assert error.what == "127.0.0.1 did not accept a connection within 0.3 s"
    assert 0.25 < seconds < 2.0


@pytest.fixture
def hanging_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    released, real = threading.Event(), socket.getaddrinfo

    def resolve(host: str, *rest: object, **more: object) -> object:
        if host.endswith(".invalid"):
            released.wait(30)
            raise socket.gaierror(socket.EAI_NONAME, "released")
        return real(host, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    yield
    released.set()


@pytest.mark.usefixtures("hanging_names")
def test_a_name_that_hangs_ends_at_the_connect_limit() -> None:
    with Http(timeout=30, connect_timeout=0.2) as http:
        start = time.monotonic()
        error = refused(http, "http://hangs.invalid/?sig=s3cret")
    assert time.monotonic() - start < 2.0
    assert (type(error), error.what) == (SourceUnreachable, "The name hangs.invalid did not resolve within 0.2 s")
    assert error.where == "http://hangs.invalid/?sig=***"


@pytest.mark.usefixtures("hanging_names")
def test_behind_a_proxy_only_its_own_name_must_resolve(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.routes["/gdp"] = Answer(JSON)
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.setenv("NO_PROXY", "direct.invalid")
    with Http(timeout=5, connect_timeout=0.2) as http:
        assert http.get("http://hangs.invalid/gdp", kind="data").data == JSON
        assert server.asked[0].path == "http://hangs.invalid/gdp"
        assert refused(http, "http://direct.invalid/gdp").what.startswith("The name direct.invalid did not resolve")
        monkeypatch.setenv("HTTP_PROXY", "user:s3cret@proxy.invalid:3128")
        assert refused(http, "http://hangs.invalid/gdp").what.startswith("The name proxy.invalid did not resolve")


def test_the_process_can_exit_while_a_name_still_hangs() -> None:
    code = ("import socket, threading\nsocket.getaddrinfo = lambda *a, **k: threading.Event().wait()\n"
            "from pipeline.http import Http\n"
            "try:\n    Http(connect_timeout=0.1).get('http://hangs.invalid/', kind='data')\n"
            "except Exception as error:\n    print(type(error).__name__)")
    run = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=20,
                         check=False)
    assert (run.stdout, run.stderr, run.returncode) == ("SourceUnreachable\n", "", 0)


def test_an_unknown_name_is_said_to_be_unknown(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert "Name or service not known" in refused(http, "http://nowhere.invalid/").what


@pytest.mark.parametrize(("answer", "words"), [
    (Answer(b"x" * 1001), "The answer announces 1,001 bytes, more than the limit of 1,000 bytes"),
    (by_hand(CHUNKED, b"\r\n", *[b"64\r\n" + b"x" * 100 + b"\r\n"] * 11, b"0\r\n\r\n"),
     "The answer goes on, more than the limit of 1,000 bytes"),
    (Answer(gzip.compress(b"x" * 1001), headers={"Content-Encoding": "gzip"}),
     "The answer goes on, more than the limit of 1,000 bytes"),
], ids=["announced", "in chunks", "packed"])
def test_too_large_an_answer_is_refused(server: Server, answer: Answer, words: str) -> None:
    server.routes["/"] = answer
    with Http(max_bytes=1000) as http:
        error = refused(http, server.url + "/")
    assert (type(error), error.what) == (SourceNonsense, words)
    assert len(server.asked) == 1


@pytest.mark.parametrize("expect", ["json", "xml", "html", "csv"])
def test_what_is_parsed_as_a_whole_has_a_limit_of_its_own(expect: str, server: Server, http: Http,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.http.LARGEST", dict.fromkeys(("json", "xml", "html"), 1000))
    server.routes["/"] = Answer(gzip.compress(b"a,b\n" * 300), headers={"Content-Encoding": "gzip"})
    if expect == "csv":
        assert len(http.get(server.url + "/", kind="data", expect=expect).body) == 1200
    else:
        assert "more than the limit of 1,000 bytes" in refused(http, server.url + "/", expect).what


@pytest.mark.parametrize("size", [10, 100_000])
def test_more_than_was_announced_is_no_answer(size: int, server: Server, http: Http) -> None:
    body = "Türkiye,2025,1\n".encode() * size
    server.routes["/"] = by_hand(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(body) - size), body)
    error = refused(http, server.url + "/", "csv")
    assert error.what == (f"127.0.0.1 sent an answer that is longer than it announced, {15 * size} bytes: its end is "
                          "missing")


def test_an_empty_line_after_the_answer_is_no_part_of_it(server: Server, http: Http) -> None:
    server.routes["/"] = by_hand(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", b"a,b\n\r\n")
    assert http.get(server.url + "/", kind="data", expect="csv").body == b"a,b\n"


def test_as_large_as_allowed_is_taken(server: Server) -> None:
    server.routes["/"] = Answer(gzip.compress(b"x" * 1000), headers={"Content-Encoding": "gzip"})
    with Http(max_bytes=1000) as http:
        assert http.get(server.url + "/", kind="data").data == b"x" * 1000


def test_a_bomb_is_measured_a_mebibyte_at_a_time() -> None:
    bomb = gzip.compress(b"\0" * (64 * 2**20))
    sizes = [len(piece) for piece in Unpacker("gzip", "").feed(bomb)]
    assert (max(sizes), sum(sizes)) == (2**20, 64 * 2**20)


@given(st.binary(max_size=3000), st.integers(1, 400))
def test_unpacking_does_not_depend_on_how_it_comes(body: bytes, size: int) -> None:
    packed, unpacker = gzip.compress(body), Unpacker("gzip", "")
    pieces = [packed[at:at + size] for at in range(0, len(packed), size)]
    assert b"".join(plain for piece in pieces for plain in unpacker.feed(piece)) == body
    assert unpacker.ended


@pytest.mark.parametrize(("encoding", "words"), [
    ("gzip", "The answer says it is gzip and is not"), ("br", "The answer is packed as 'br', which was not asked for")])
def test_what_cannot_be_unpacked_is_nonsense(server: Server, http: Http, encoding: str, words: str) -> None:
    server.routes["/"] = Answer(JSON, headers={"Content-Encoding": encoding})
    error = refused(http, server.url + "/")
    assert type(error) is SourceNonsense and error.what.startswith(words)


# --- redirects -----------------------------------------------------------------------------------------------------


def test_redirects_are_followed_and_keys_stay_at_home(server: Server, http: Http) -> None:
    with Server() as other:
        server.routes["/a"] = Answer(b"", 302, {"Location": "b?x=1"})
        server.routes["/b"] = Answer(b"", 307, {"Location": other.url + "/c"})
        other.routes["/c"] = Answer(JSON)
        keys = {"Authorization": "Bearer s3", "Ocp-Apim-Subscription-Key": "s3", "Accept": "text/csv"}
        document = http.get(server.url + "/a", kind="data", headers=keys)
        assert document.data == JSON
        assert document.url == server.url + "/a"
        assert [asked.path for asked in server.asked] == ["/a", "/b?x=1"]
        assert server.asked[1].headers["authorization"] == "Bearer s3"
        assert "authorization" not in other.asked[0].headers
        assert "ocp-apim-subscription-key" not in other.asked[0].headers
        assert other.asked[0].headers["accept"] == "text/csv"


def test_what_else_a_redirect_says_is_not_waited_for(server: Server, http: Http) -> None:
    over = threading.Event()
    server.routes["/"] = by_hand(b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 999999999\r\n\r\n",
                                 pause=lambda: over.wait(30))
    server.routes["/b"] = Answer(JSON)
    began = time.monotonic()
    assert http.get(server.url + "/", kind="data").data == JSON
    assert time.monotonic() - began < 3
    over.set()


def test_redirects_end_after_five(server: Server, http: Http) -> None:
    server.routes["/"] = Answer(b"", 301, {"Location": "/"})
    error = refused(http, server.url + "/")
    assert (type(error), error.what) == (SourceUnreachable, "127.0.0.1 redirects more than 5 times")
    assert len(server.asked) == 6


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/x", "file:///etc/passwd", "http://[", "data:,x",
                                      "http://127.0.0.1:999999/"])
def test_redirects_out_of_the_web_are_refused(server: Server, http: Http, location: str) -> None:
    server.routes["/"] = Answer(b"", 302, {"Location": location})
    error = refused(http, server.url + "/")
    assert type(error) is SourceUnreachable and error.what.startswith("127.0.0.1 redirects to ")
    assert len(server.asked) == 1


@pytest.mark.parametrize(("here", "location", "target"), [
    ("https://a.example/x", "https://b.example/y", "https://b.example/y"),
    ("https://a.example/x", "//b.example/y", "https://b.example/y"),
    ("http://a.example/x", "https://a.example/x", "https://a.example/x"),
    ("https://a.example/x", "http://a.example/x", None),
    ("https://a.example/x", "HTTP://a.example/x", None),
])
def test_no_way_leads_from_https_to_http(here: str, location: str, target: str | None) -> None:
    response = requests.Response()
    response.url, response.status_code = here, 302
    response.headers["Location"] = location
    if target is None:
        with pytest.raises(SourceUnreachable, match="redirects from https to http"):
            redirect_target(response)
    else:
        assert redirect_target(response) == target


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of 127.0.0.1 that nobody has signed, with its key in the same file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    whole, key = tmp_path / "both.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-out", whole,
                    "-keyout", key], check=True, capture_output=True)
    whole.write_bytes(whole.read_bytes() + key.read_bytes())
    return whole


def test_https_wants_a_certificate_and_stays_https(certificate: Path, server: Server,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Server(context) as safe:
        safe.routes["/"] = Answer(JSON)
        safe.routes["/down"] = Answer(b"", 302, {"Location": server.url + "/"})
        with Http(timeout=5) as http:
            error = refused(http, safe.url + "/")
            assert error.what.startswith("127.0.0.1 cannot prove that it is 127.0.0.1: ")
            assert error.next_command.startswith("export SSL_CERT_FILE=")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with Http(timeout=5) as http:
            assert http.get(safe.url + "/", kind="data").data == JSON
            assert refused(http, safe.url + "/down").what.startswith("127.0.0.1 redirects from https to http")
    assert server.asked == []


def test_certificates_that_are_not_there_are_named(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "nowhere.pem")
    with Http() as http, pytest.raises(UsageError, match=r"REQUESTS_CA_BUNDLE names .* nowhere\.pem"):
        http.get(server.url + "/", kind="data")


def test_a_proxy_that_is_none_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("http://user:s3cret@[bad", "user:s3cret@", "http://us er:s3cret@h:99999999", "user:s3cret"):
        monkeypatch.setenv("HTTP_PROXY", value)
        with Http(timeout=2, retries=0) as http, pytest.raises((UsageError, SourceUnreachable)) as caught:
            http.get("http://h.invalid/", kind="data")
        assert "roxy" in caught.value.what and "s3cret" not in str(caught.value.lines()), caught.value.what


@pytest.mark.parametrize("url", ["", "gdp.csv", "ftp://example.org/", "http://", "http://[::1", "http://a:99999999/",
                                 "http://user:s3cret@/", "file:///etc/passwd", "http://*.example.org/"])
def test_what_is_no_address_is_a_wrong_option(http: Http, url: str) -> None:
    with pytest.raises(UsageError) as caught:
        http.get(url, kind="data")
    assert "is no address that can be asked" in caught.value.what and "s3cret" not in caught.value.what
