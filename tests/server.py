"""A real HTTP server on loopback whose answers a test writes down."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Answer:
    """What the server says to one request."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int = 0  # close the connection this many bytes before the announced end
    by_hand: Callable[[BufferedIOBase], None] | None = None  # writes all, status line too; then it closes


@dataclass
class Asked:
    """What a client asked."""

    path: str  # with the query
    headers: dict[str, str]  # names in lower case
    method: str = "GET"
    body: bytes = b""


Route = Answer | list[Answer] | Callable[[Asked], Answer]


class Server:
    """`with Server() as server: server.routes["/x"] = Answer(b"...")`; a list is answered in turn, its last for ever.

    A route is found by the path with its query, else by the path alone; `asked` holds every request in order.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.scheme = "https" if tls else "http"
        self.routes: dict[str, Route] = {}
        self.asked: list[Asked] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                asked = Asked(self.path, {k.lower(): v for k, v in self.headers.items()}, self.command,
                              self.rfile.read(length))
                outer.asked.append(asked)
                answer = outer.answer(asked)
                if answer.by_hand:
                    self.close_connection = True
                    with contextlib.suppress(OSError):  # the client may go first
                        answer.by_hand(self.wfile)
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if answer.status not in (204, 304):
                    self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                if self.command == "HEAD":
                    return
                self.wfile.write(answer.body[: len(answer.body) - answer.cut] if answer.cut else answer.body)
                if answer.cut:
                    self.close_connection = True

            do_POST = do_HEAD = do_PUT = do_GET  # noqa: N815  the names are the standard library's

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._handler, self._tls = Handler, tls
        self._listen(0)

    def _listen(self, port: int) -> None:
        self._http = ThreadingHTTPServer(("127.0.0.1", port), self._handler)
        self._http.daemon_threads = True
        if self._tls:
            self._http.socket = self._tls.wrap_socket(self._http.socket, server_side=True)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @contextmanager
    def gone(self) -> Iterator[None]:
        """Let nobody listen at the address; it is the same again afterwards."""
        port = self._http.server_address[1]
        self.__exit__()
        try:
            yield
        finally:
            self._listen(port)
            self._thread.start()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self._http.server_address[1]}"

    def answer(self, asked: Asked) -> Answer:
        route = self.routes.get(asked.path) or self.routes.get(urlsplit(asked.path).path)
        if route is None:
            return Answer(b"no such page", 404)
        if callable(route):
            return route(asked)
        if isinstance(route, list):
            return route.pop(0) if len(route) > 1 else route[0]
        return route

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
