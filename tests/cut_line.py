"""A line to a store of objects, cut on purpose: before a request arrives, before its answer does, in it; or busy."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BEFORE, AFTER, WITHIN, BUSY = "before", "after", "within", "busy"
Cut = Callable[[str, str], str]  # method, path -> one of these, "" to let it pass


@contextmanager
def cut_line(store: str, cut: Cut) -> Iterator[str]:
    """Serve what the store at an address such as http://127.0.0.1:5000 does; yield the address of the line."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            act = cut(self.command, self.path)
            if act == BEFORE:
                return self.hang_up()
            if act == BUSY:
                return self.send_error(503)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
            far = http.client.HTTPConnection(store.removeprefix("http://"), timeout=30)
            far.request(self.command, self.path, body, headers)
            answer = far.getresponse()
            data = answer.read()
            far.close()
            if act == AFTER:
                return self.hang_up()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[:len(data) // 2] if act == WITHIN else data)
            return self.hang_up() if act == WITHIN else None

        do_PUT = do_POST = do_HEAD = do_DELETE = do_GET  # noqa: N815  so the server asks for them

        def hang_up(self) -> None:
            self.close_connection = True
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
