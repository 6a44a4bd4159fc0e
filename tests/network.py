"""A network that lies: for each source that speaks HTTP answers that are well, and the ways in which they are not."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import socket
import ssl
import struct
import subprocess
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import repeat
from pathlib import Path
from typing import Any

from tests.http_answers import CHUNKED, by_hand
from tests.project import PROJECT
from tests.server import Answer, Asked, Server
from tests.weo_files import GDP, HEADER, text_of
from tests.weo_sample import economies, figures, sdmx
from tests.wikipedia_pages import page

MIB = 1024 * 1024
HTML = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>to the hotel</body></html>"


@cache
def names() -> dict[str, str]:
    """iso3 -> name in the project's own table."""
    told = json.loads((PROJECT / "data/country_region_table.json").read_text(encoding="utf-8"))
    return {country["iso3"]: country["name"] for country in told["countries"]}


# --- answers that are well ------------------------------------------------------------------------------------------
# Edition 0 was published before edition 1, which says that Germany's GDP is another one.


def gdp(edition: int) -> dict[str, str]:
    """iso3 -> billion US dollars."""
    return figures(DEU=("985.125", "991.126")[edition])


def _imf(server: Server, edition: int) -> None:
    day = ("2025-04-22", "2025-10-14")[edition] + "T13:00:00Z"
    server.routes["/imf/.NGDPD.A"] = Answer(sdmx(gdp(edition), published=day, updated=day),
                                            headers={"Content-Type": "application/xml"})


def _datamapper(server: Server, edition: int) -> None:
    values = {code: {"2024": float(text), "2025": float(text)} for code, text in gdp(edition).items()}
    day = ("Tue, 22 Apr 2025", "Tue, 14 Oct 2025")[edition] + " 13:00:00 GMT"
    headers = {"Content-Type": "application/json", "Last-Modified": day}
    server.routes["/dm/NGDPD"] = Answer(json.dumps({"values": {"NGDPD": values}}).encode(), headers=headers)
    listed = {code: {"label": names()[code]} for code in economies()}
    server.routes["/dm/countries"] = Answer(json.dumps({"countries": listed}).encode(), headers=headers)


WORLD_BANK = "/wb/country/all/indicator/NY.GDP.MKTP.CD?format=json&per_page=10000&page="


def bank_page(edition: int, number: int, **meta: object) -> Answer:
    """Page 1 or 2 of the World Bank's figures; meta: what it says of itself otherwise."""
    all_rows = [{"indicator": {"id": "NY.GDP.MKTP.CD", "value": "GDP"}, "country": {"id": code, "value": names()[code]},
                 "countryiso3code": code, "date": year, "value": float(text) * 1e9, "obs_status": ""}
                for code, text in gdp(edition).items() for year in ("2023", "2024")]
    half = len(all_rows) // 2
    stated = {"page": number, "pages": 2, "per_page": "10000", "total": len(all_rows),
              "lastupdated": ("2025-07-01", "2025-10-07")[edition], **meta}
    return Answer(json.dumps([stated, all_rows[half * (number - 1):half * number]]).encode(),
                  headers={"Content-Type": "application/json"})


def _worldbank(server: Server, edition: int) -> None:
    for number in (1, 2):
        server.routes[f"{WORLD_BANK}{number}"] = bank_page(edition, number)
    server.routes["/wb/country"] = Answer(b'[{"page":1,"pages":1,"total":1},[{"id":"AFE","region":{"id":"NA"}}]]',
                                          headers={"Content-Type": "application/json"})


def wiki_table(edition: int, *, publisher: str = "IMF", most: int = 190) -> str:
    """Wikipedia's list of so many economies."""
    rows = "".join(f"<tr><td>{names()[code]}</td><td>{float(text) * 1000:,.0f}</td></tr>"
                   for code, text in list(gdp(edition).items())[:most])
    return (f"<table><caption>GDP (million US$) by country</caption><tr><th>Country</th><th>{publisher} (2025)</th>"
            f"</tr>{rows}</table>")


def wiki_page(edition: int, body: str) -> Answer:
    """The page with this body, in one of two revisions."""
    day = ("7", "9")[edition]
    return Answer(page(body, script=f'"wgRevisionId":12679274{edition}0',
                       foot=f"This page was last edited on {day} January 2025, at 09:55").encode(),
                  headers={"Content-Type": "text/html; charset=UTF-8"})


def _wikipedia(server: Server, edition: int) -> None:
    server.routes["/wiki"] = wiki_page(edition, wiki_table(edition))


def _table(server: Server, edition: int) -> None:
    lines = [f"{code},{year},{text},{('2024-10', '2025-04')[edition]}" for code, text in gdp(edition).items()
             for year in (2024, 2025)]
    server.routes["/gdp.csv"] = Answer("\n".join(["country,year,value,vintage", *lines, ""]).encode(),
                                       headers={"Content-Type": "text/csv"})


def _weo(server: Server, edition: int) -> None:
    rows = [[code, "NGDPD", names()[code], GDP, "U.S. dollars", "Billions", text, text, text, "2022"]
            for code, text in gdp(edition).items()]
    last = f"International Monetary Fund, World Economic Outlook Database, {('April', 'October')[edition]} 2022"
    server.routes["/WEO_Data.xls"] = Answer(text_of([HEADER, *rows], last=last).encode("utf-16"),
                                            headers={"Content-Type": "application/vnd.ms-excel"})


@dataclass(frozen=True)
class Source:
    """A source that speaks HTTP. main: the address that lies; url: what --url says; packs: what its bomb is made of."""

    name: str
    url: str
    main: str
    well: Callable[[Server, int], None]
    packs: bytes
    options: tuple[str, ...] = ("--indicator", "NGDPD")
    kept: int = 0  # documents that have come whole before the address that lies is asked

    def command(self, server: Server) -> list[str]:
        """Return the options of a run, attempts of the whole left out."""
        return ["--source", self.name, "--url", f"{server.url}{self.url}", *self.options, "--retries", "0"]


SOURCES = {each.name: each for each in (
    Source("imf", "/imf", "/imf/.NGDPD.A", _imf, b"<a/>"),
    Source("datamapper", "/dm", "/dm/NGDPD", _datamapper, b"[],"),
    Source("worldbank", "/wb", f"{WORLD_BANK}2", _worldbank, b"[],", kept=1),
    Source("wikipedia", "/wiki", "/wiki", _wikipedia, b"<p>"),
    Source("table", "/gdp.csv", "/gdp.csv", _table, b"USA,2024,1,2025-04\n",
           ("--unit", "billion", "--dataset", "mine")),
    Source("weo", "/WEO_Data.xls", "/WEO_Data.xls", _weo, b"USA\tNGDPD\n"),
)}


# --- answers that are not -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    """One way to lie. lie: begins it, for as long as the context lasts; words: that the refusal must have, any of them;
    env: of the run; heals: the run ends well by itself.
    """

    lie: Callable[[Server, Source], contextlib.AbstractContextManager[object]]
    words: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    heals: bool = False
    options: tuple[str, ...] = ()


def says(make: Callable[[Answer], Answer | list[Answer]]) -> Callable[[Server, Source], Any]:
    """Return what puts another answer in the place of the right one."""
    @contextlib.contextmanager
    def lie(server: Server, source: Source) -> Iterator[None]:
        right = server.routes[source.main]
        assert isinstance(right, Answer)
        server.routes[source.main] = make(right)
        yield
        server.routes[source.main] = right
    return lie


def hang_up(stream: Any) -> None:
    """Reset the connection: what is on the way is lost."""
    stream._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(stream._sock.detach())


def _reset_within(right: Answer) -> Answer:
    def write(stream: Any) -> None:
        stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(right.body) + right.body[:100])
        hang_up(stream)
    return Answer(by_hand=write)


def _drip(start: bytes) -> Callable[[Answer], Answer]:
    from threading import Event

    return lambda right: by_hand(start, *[b"x"] * 2000, pause=lambda: Event().wait(0.05))


def _endless(right: Answer) -> Answer:
    block = b"%x\r\n" % MIB + (right.body * (MIB // len(right.body) + 1))[:MIB] + b"\r\n"

    def write(stream: Any) -> None:
        stream.write(CHUNKED + b"\r\n")
        for each in repeat(block):
            stream.write(each)
    return Answer(by_hand=write)


@contextlib.contextmanager
def _bomb(server: Server, source: Source) -> Iterator[None]:
    right = server.routes[source.main]
    assert isinstance(right, Answer)
    start = {"json": b'{"values":[', "xml": b'<?xml version="1.0"?><a>', "html": b"<html>"}.get(
        {"imf": "xml", "wikipedia": "html", "datamapper": "json", "worldbank": "json"}.get(source.name, ""), b"a\tb,\n")
    server.routes[source.main] = Answer(packed(start, source.packs, 600), headers={"Content-Encoding": "gzip"})
    yield
    server.routes[source.main] = right


@cache
def packed(start: bytes, unit: bytes, mebibytes: int) -> bytes:
    """Return gzip of so much: a thousandth of it on the way."""
    press = zlib.compressobj(9, wbits=31)
    block = unit * (MIB // len(unit))
    return b"".join([press.compress(start), *(press.compress(block) for _ in range(mebibytes)), press.flush()])


def _longer(right: Answer) -> Answer:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(right.body) + 7)
    return by_hand(head, right.body)


def _shorter(right: Answer) -> Answer:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(right.body) - 7)
    return by_hand(head, right.body)


SOON = {"WORLD_ECONOMIES_TIMEOUT": "0.3"}  # and three seconds for the whole
FAULTS = {
    "refused": Fault(lambda server, source: server.gone(), ("cannot be reached: Connection refused",)),
    "reset": Fault(says(lambda right: Answer(by_hand=hang_up)), ("cannot be reached: Connection reset", "closed")),
    "reset within": Fault(says(_reset_within), ("cut its answer after", "Connection reset")),
    "silent": Fault(says(_drip(b"")), ("did not finish", "said nothing for 0.3 s", "limit of 3 s"), SOON),
    "drip": Fault(says(_drip(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n")), ("limit of 3 s for the whole",),
                  SOON),
    "drip headers": Fault(says(_drip(b"HTTP/1.1 200 OK\r\nX-Endless: ")), ("did not finish its answer within 3 s",),
                          SOON),
    "cut": Fault(says(lambda right: Answer(right.body, cut=len(right.body) // 2)), ("cut its answer after",)),
    "longer": Fault(says(_longer), ("cut its answer after",)),
    "shorter": Fault(says(_shorter), ("longer than it announced",)),
    "endless": Fault(says(_endless), ("goes on, more than the limit of", "limit of 10 s for the whole answer"),
                     {"WORLD_ECONOMIES_TIMEOUT": "1"}),
    "gzip bomb": Fault(_bomb, ("goes on, more than the limit of",)),
    "gzip cut": Fault(says(lambda right: Answer(gzip.compress(right.body)[:-20], headers={"Content-Encoding": "gzip"})),
                      ("before its end",)),
    "no gzip": Fault(says(lambda right: Answer(right.body, headers={"Content-Encoding": "gzip"})),
                     ("says it is gzip and is not",)),
    "endless redirects": Fault(says(lambda right: Answer(b"", 302, {"Location": "?again"})),
                               ("redirects more than 5 times", "has no such page")),
    "redirect to a file": Fault(says(lambda right: Answer(b"", 302, {"Location": "file:///etc/passwd"})),
                                ("redirects to 'file:///etc/passwd', which is no web address",)),
    "429 for a day": Fault(says(lambda right: Answer(b"", 429, {"Retry-After": "86400"})),
                           ("it asks to come back after",)),
    "403": Fault(says(lambda right: Answer(b"<p>Access Denied</p>", 403)), ("refuses this client (403 Forbidden)",)),
    "404": Fault(says(lambda right: Answer(b"gone", 404)), ("has no such page (404 Not Found)",)),
    "HTML": Fault(says(lambda right: Answer(HTML, headers={"Content-Type": "text/html"})),
                  ("with an HTML page where", "no table", "web page")),
    "nothing": Fault(says(lambda right: Answer(b"")), ("answered with nothing",)),
    "garbage": Fault(says(lambda right: by_hand(b"\x00\xff\n")), ("cannot be reached",)),
    "429 for a moment": Fault(says(lambda right: [Answer(b"", 429, {"Retry-After": "1"}), right]), (), heals=True,
                              options=("--retries", "2")),
    "503 twice": Fault(says(lambda right: [Answer(b"", 503), Answer(b"", 503), right]), (), heals=True,
                       options=("--retries", "2")),
}


# --- TLS ------------------------------------------------------------------------------------------------------------


def own_certificate(folder: Path) -> Path:
    """Make a certificate of 127.0.0.1 that nobody has signed, with its key in the same file."""
    import pytest

    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    whole, key = folder / "both.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-out", whole,
                    "-keyout", key], check=True, capture_output=True)
    whole.write_bytes(whole.read_bytes() + key.read_bytes())
    return whole


def tls_of(certificate: Path) -> ssl.SSLContext:
    """Return what a server of this certificate speaks with."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def down_to(server: Server) -> Callable[[Asked], Answer]:
    """Return a route that leads to the same path of another server."""
    return lambda asked: Answer(b"", 302, {"Location": server.url + asked.path})
