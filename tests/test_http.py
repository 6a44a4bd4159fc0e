"""pipeline.http against real servers on loopback."""

from __future__ import annotations

import gzip
import logging
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from pipeline.archive import Archive, Recalled
from pipeline.documents import RawDocument
from pipeline.errors import SourceError, SourceNonsense, SourceUnreachable
from pipeline.http import Http, first_words, looks_like
from pipeline.secrets import url_key
from tests.http_answers import CHUNKED, JSON, by_hand, refused
from tests.project import PROJECT
from tests.server import Answer, Asked, Server

PAGE = (b"<!DOCTYPE html><html><head><title>Sign in</title><script>x='<b>'</script></head>"
        b"<body>to the hotel</body></html>")
XML = b"<?xml version='1.0'?><message:GenericData><Header/></message:GenericData>"


pytestmark = pytest.mark.usefixtures("plain_environment")

# --- the plain case ------------------------------------------------------------------------------------------------


def test_a_document_carries_all_that_parse_and_archive_need(server: Server, http: Http) -> None:
    server.routes["/gdp"] = Answer(JSON, headers={"Content-Type": "application/json", "Set-Cookie": "id=secret",
                                                  "X-Api-Token": "s3", "X-From-Archive": "1", "Last-Modified": "L"})
    document = http.get(server.url + "/gdp", kind="data", params={"api_key": "s3cret", "year": "2024"}, expect="json",
                        parameters={"vintage": "2025-10"})
    assert (document.kind, document.data, document.path) == ("data", JSON, None)
    assert document.url == server.url + "/gdp?api_key=***&year=2024"
    assert document.parameters == {"vintage": "2025-10"}
    assert abs(datetime.fromisoformat(document.fetched_at) - datetime.now(UTC)) < timedelta(seconds=60)
    assert sorted(document.headers) == ["content-length", "content-type", "date", "last-modified", "server",
                                        "x-url-sha256"]
    assert server.asked[0].path == "/gdp?api_key=s3cret&year=2024"
    agent = f"World-Economies/0.1.0 (python-requests/{requests.__version__}; GDP pipeline)"
    assert server.asked[0].headers["user-agent"] == agent


def test_headers_of_the_caller_win(server: Server, http: Http) -> None:
    server.routes["/"] = Answer(JSON)
    http.get(server.url + "/", kind="data", headers={"User-Agent": "Other", "Accept": "text/csv"})
    assert (server.asked[0].headers["user-agent"], server.asked[0].headers["accept"]) == ("Other", "text/csv")


def test_gzip_is_undone(server: Server, http: Http) -> None:
    body = gzip.compress(JSON[:10]) + gzip.compress(JSON[10:]) + b"\0\0"  # two members and padding, as gzip(1) reads it
    server.routes["/"] = Answer(body, headers={"Content-Encoding": "gzip"})
    assert http.get(server.url + "/", kind="data", expect="json").data == JSON
    assert server.asked[0].headers["accept-encoding"] == "gzip"


def test_importing_it_is_cheap_and_leaves_requests_alone() -> None:
    heavy = ("requests", "urllib3", "http.client", "ssl", "email", "lxml", "pandas")
    code = f"import sys, logging, utils, pipeline.http; print([each for each in {heavy} if each in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# --- repetition ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520])
def test_a_fault_of_the_moment_is_asked_again(server: Server, http: Http, waits: list[float], status: int) -> None:
    server.routes["/"] = [Answer(b"later", status), Answer(b"later", status), Answer(JSON)]
    assert http.get(server.url + "/", kind="data").data == JSON
    assert len(server.asked) == 3
    assert 0.5 <= waits[0] <= 1.0 <= waits[1] <= 2.0


def test_attempts_end_and_the_reason_is_told(server: Server, http: Http, waits: list[float]) -> None:
    server.routes["/"] = Answer(b"<h1>Over   capacity</h1>", 503)
    error = refused(http, server.url + "/?token=s3cret")
    assert type(error) is SourceUnreachable
    assert error.what == "127.0.0.1 answers (503 Service Unavailable): “Over capacity” (4 attempts)"
    assert error.where == server.url + "/?token=***"
    assert (len(server.asked), len(waits)) == (4, 3)


@pytest.mark.parametrize(("status", "kind", "words"), [
    (400, SourceNonsense, "does not understand the request (400 Bad Request): “no such indicator”"),
    (401, SourceUnreachable, "wants a login or a key (401 Unauthorized): “no such indicator”"),
    (403, SourceUnreachable, "refuses this client (403 Forbidden): “no such indicator”"),
    (404, SourceNonsense, "has no such page (404 Not Found): “no such indicator”"),
    (418, SourceNonsense, "answers (418 I'm a Teapot): “no such indicator”"),
    (206, SourceNonsense, "answers with a part that nobody asked for (206 Partial Content): “no such indicator”"),
    (301, SourceNonsense, "answers (301 Moved Permanently): “no such indicator”"),
    (599, SourceUnreachable, "answers (599): “no such indicator” (4 attempts)"),
])
def test_refusals_are_told_apart(server: Server, http: Http, status: int, kind: type[SourceError], words: str) -> None:
    server.routes["/"] = Answer(b"<p>no such\x1b indicator</p>", status)
    error = refused(http, server.url + "/")
    assert (type(error), error.what) == (kind, f"127.0.0.1 {words}")


def test_retry_after_in_seconds_is_waited(server: Server, http: Http, waits: list[float]) -> None:
    server.routes["/"] = [Answer(b"", 429, {"Retry-After": "17"}), Answer(JSON)]
    assert http.get(server.url + "/", kind="data").data == JSON
    assert waits == [17.0]


def test_retry_after_as_a_date_is_waited(server: Server, http: Http, waits: list[float]) -> None:
    moment = datetime.now(UTC) + timedelta(seconds=30)
    server.routes["/"] = [Answer(b"", 503, {"Retry-After": format_datetime(moment, usegmt=True)}), Answer(JSON)]
    assert http.get(server.url + "/", kind="data").data == JSON
    assert 25 < waits[0] <= 30


@pytest.mark.parametrize("text", ["soon", "-5", "9" * 5000, "Fri, 31 Dec 999999999999 23:59:59 GMT"],
                         ids=["word", "negative", "huge", "far"])
def test_a_retry_after_of_nonsense_does_no_harm(server: Server, http: Http, waits: list[float], text: str) -> None:
    server.routes["/"] = [Answer(b"", 503, {"Retry-After": text}), Answer(JSON)]
    try:
        assert http.get(server.url + "/", kind="data").data == JSON
        assert len(waits) == 1 and waits[0] <= 1.0
    except SourceUnreachable as error:  # a number that can be read is a year at most
        assert "it asks to come back after" in error.what and waits == []


def test_a_retry_after_beyond_the_limit_ends_at_once(server: Server, http: Http, waits: list[float]) -> None:
    server.routes["/"] = Answer(b"", 503, {"Retry-After": "86400"})
    error = refused(http, server.url + "/")
    day = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT")
    assert type(error) is SourceUnreachable
    assert f"; it asks to come back after {day}" in error.what
    assert error.what.endswith("Z (86400 s); to wait 86400 s would pass the limit of 60 s")
    assert (len(server.asked), waits) == (1, [])


def test_a_cut_body_is_asked_again(server: Server, http: Http) -> None:
    server.routes["/"] = [Answer(JSON, cut=7), Answer(JSON)]
    assert http.get(server.url + "/", kind="data").data == JSON
    assert len(server.asked) == 2


def test_a_body_that_is_always_cut_is_no_answer(server: Server, http: Http) -> None:
    server.routes["/"] = Answer(JSON, cut=7)
    error = refused(http, server.url + "/")
    assert type(error) is SourceUnreachable
    assert error.what == "127.0.0.1 cut its answer after 20 of 27 bytes (4 attempts)"
    assert len(server.asked) == 4


@pytest.mark.parametrize("cut", [
    by_hand(CHUNKED, b"\r\n", b"5\r\n[1,2,\r\n", b"9\r\n3,4"),
    by_hand(CHUNKED, b"\r\n", b"5\r\n[1,2,\r\n"),
    by_hand(CHUNKED, b"\r\n", b"5\r\n[1,2,\r\nzz\r\n"),
    by_hand(CHUNKED, b"Content-Encoding: gzip\r\n\r\n", b"1e\r\n" + gzip.compress(JSON)[:30] + b"\r\n0\r\n\r\n"),
    by_hand(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", gzip.compress(JSON)[:-1]),
], ids=["in a chunk", "between chunks", "no chunk size", "gzip in chunks", "gzip without a length"])
def test_cuts_that_no_length_shows_are_seen(server: Server, http: Http, cut: Answer) -> None:
    server.routes["/"] = [cut, by_hand(CHUNKED, b"\r\n", b"1b\r\n" + JSON + b"\r\n0\r\n\r\n")]
    assert http.get(server.url + "/", kind="data").data == JSON
    assert len(server.asked) == 2


def test_a_server_that_hangs_up_is_asked_again(server: Server, http: Http) -> None:
    server.routes["/"] = [by_hand(), by_hand(b"HTTP/1.1 20"), by_hand(b"\x00\xff\n"), Answer(JSON)]
    assert http.get(server.url + "/", kind="data").data == JSON
    assert len(server.asked) == 4


def test_nobody_listens(http: Http) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    error = refused(http, f"http://user:s3cret@127.0.0.1:{port}/?key=s3cret")
    assert error.what == "127.0.0.1 cannot be reached: Connection refused (4 attempts)"
    assert error.where == f"http://***@127.0.0.1:{port}/?key=***"


# --- what an answer looks like -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("body", "content_type", "expect", "words"), [
    (PAGE, "text/html", "json", "an HTML page where JSON was wanted: “Sign in to the hotel”"),
    (PAGE, "application/json", "json", "an HTML page where JSON was wanted: “Sign in to the hotel”"),
    (PAGE, "text/html", "xml", "an HTML page where XML was wanted: “Sign in to the hotel”"),
    (PAGE, "text/csv", "csv", "an HTML page where a table as text was wanted: “Sign in to the hotel”"),
    (XML, "text/xml", "json", "XML where JSON was wanted"),
    (XML, "text/xml", "html", "XML where an HTML page was wanted"),
    (JSON, "", "xml", "JSON where XML was wanted: “{\"NGDPD\": {\"KOR\": 1869.71}}”"),
    (JSON, "", "csv", "JSON where a table as text was wanted: “{\"NGDPD\": {\"KOR\": 1869.71}}”"),
    (b"Rate limit", "text/plain", "json", "text where JSON was wanted: “Rate limit”"),
    (b"Rate limit", "text/html", "csv", "text where a table as text was wanted: “Rate limit”"),
    (b"PK\x03\x04\x14\0\0\0", "text/csv", "csv", "a binary file where a table as text was wanted"),
    (b"\x1f\x8b\x08\0", "", "json", "a binary file where JSON was wanted"),
])
def test_another_thing_than_asked_is_nonsense(server: Server, http: Http, body: bytes, content_type: str, expect: str,
                                              words: str) -> None:
    server.routes["/"] = Answer(body, headers={"Content-Type": content_type})
    error = refused(http, server.url + "/", expect)
    assert (type(error), error.what) == (SourceNonsense, f"127.0.0.1 answered with {words}")
    assert len(server.asked) == 1


@pytest.mark.parametrize(("body", "content_type", "expect"), [
    (b"\xef\xbb\xbf \r\n[1]", "text/html", "json"),
    ("Country\tISO\n".encode("utf-16-le"), "application/vnd.ms-excel", "csv"),
    ("Country\tISO\n".encode("utf-16"), "", "csv"),
    (b"Country,GDP\n", "text/html", "csv"),
    (b"<table><tr><td>1</td></tr></table>", "text/html; charset=utf-8", "html"),
    (b"<?xml version='1.0'?><!DOCTYPE html PUBLIC ''><html xmlns=''></html>", "", "html"),
    (b"<Header xmlns='sdmx'/>", "", "xml"),
    (b"T\xfcrkiye;1\n", "", "csv"),
    (b"PK\x03\x04\0", "", ""),
])
def test_what_was_asked_is_taken(server: Server, http: Http, body: bytes, content_type: str, expect: str) -> None:
    server.routes["/"] = Answer(body, headers={"Content-Type": content_type})
    assert http.get(server.url + "/", kind="data", expect=expect).data == body


@pytest.mark.parametrize(("answer", "words"), [
    (Answer(b"", 204), "127.0.0.1 answered with nothing (204 No Content, 0 bytes)"),
    (Answer(b""), "127.0.0.1 answered with nothing (200 OK, 0 bytes)"),
    (Answer(b" \r\n"), "127.0.0.1 answered with nothing (200 OK, 3 bytes)"),
])
@pytest.mark.parametrize("expect", ["", "json"])
def test_nothing_is_nonsense(server: Server, http: Http, answer: Answer, words: str, expect: str) -> None:
    server.routes["/"] = answer
    error = refused(http, server.url + "/", expect)
    assert (type(error), error.what) == (SourceNonsense, words)


@given(st.binary(max_size=300), st.text(max_size=20))
def test_no_bytes_break_the_look_at_them(body: bytes, content_type: str) -> None:
    assert looks_like(body, content_type) in {"", "json", "html", "xml", "text", "binary"}
    words = first_words(body)
    assert words.isprintable() and len(words) <= 160


# --- unchanged -----------------------------------------------------------------------------------------------------


class OneAnswer:
    """A Remembered that knows one document, for every address."""

    def __init__(self, *known: str, document: RawDocument | None) -> None:
        self.known = (known[0], known[1], document)

    def recall(self, url: str) -> tuple[str, str, RawDocument | None]:
        return self.known


def unchanged(asked: Asked) -> Answer:
    same = asked.headers.get("if-none-match") == '"v1"' or asked.headers.get("if-modified-since") == "Mon"
    return Answer(b"", 304, {"ETag": '"v1"', "Expires": "never"}) if same else Answer(JSON, headers={"ETag": '"v1"'})


@pytest.mark.parametrize("known", [('"v1"', ""), ("", "Mon"), ('"v1"', "Mon")], ids=["etag", "date", "both"])
def test_an_unchanged_source_is_one_small_request(server: Server, known: tuple[str, str]) -> None:
    server.routes["/"] = unchanged
    old = RawDocument("page", "old", "2026-01-01T00:00:00Z", {"content-type": "application/json", "expires": "old"},
                      {"vintage": "old"}, data=JSON)
    with Http(remembered=OneAnswer(*known, document=old)) as http:
        document = http.get(server.url + "/", kind="data", expect="json", parameters={"vintage": "new"})
    assert len(server.asked) == 1
    assert (document.data, document.kind, document.parameters) == (JSON, "data", {"vintage": "new"})
    assert document.headers["x-from-archive"] == "1"
    assert (document.headers["content-type"], document.headers["expires"]) == ("application/json", "never")
    assert document.fetched_at > "2026-01-01T00:00:00Z"


@pytest.mark.parametrize("memory", [
    OneAnswer('"v1"', "", document=None), OneAnswer("", "", document=RawDocument("d", "", "", data=JSON)),
    OneAnswer('"v1"', "Mon", document=RawDocument("d", "", "", data=PAGE))], ids=["no body", "no mark", "a wrong page"])
def test_without_a_body_to_fall_back_on_nothing_is_conditional(server: Server, memory: OneAnswer) -> None:
    server.routes["/"] = unchanged
    with Http(remembered=memory) as http:
        document = http.get(server.url + "/", kind="data", expect="json")
    assert (document.data, "x-from-archive" in document.headers) == (JSON, False)


def test_not_modified_without_being_asked_is_nonsense(server: Server, http: Http) -> None:
    server.routes["/"] = Answer(b"", 304)
    assert refused(http, server.url + "/").what == "127.0.0.1 answers (304 Not Modified)"


def test_http_and_archive_together(server: Server, tmp_path: Path) -> None:
    server.routes["/"] = unchanged
    archive = Archive(tmp_path)
    for turn in range(3):
        with Http(remembered=Recalled(archive)) as http, archive.entry("imf") as entry:
            kept = entry.add(http.get(server.url + "/?token=s3cret", kind="data", expect="json"))
        assert kept.body == JSON
        assert ("x-from-archive" in kept.headers) == (turn > 0)
    assert [asked.headers.get("if-none-match") for asked in server.asked] == [None, '"v1"', '"v1"']
    assert len(list(tmp_path.glob("bodies/*/*"))) == 1
    keys = {document["key"] for record in archive.entries() for document in record["documents"]}
    assert keys == {url_key(server.url + "/?token=s3cret")}
    assert b"s3cret" not in b"".join(path.read_bytes() for path in tmp_path.glob("*.json"))


def test_a_wanted_answer_says_nothing_in_the_log(server: Server, http: Http, caplog: pytest.LogCaptureFixture) -> None:
    server.routes["/"] = [Answer(b"", 503), Answer(JSON, cut=3), Answer(JSON)]
    with caplog.at_level(logging.INFO):
        http.get(server.url + "/?token=s3cret", kind="data")
    assert caplog.text == ""
