"""A line to a server that is cut, or kills the one who speaks, when so much has gone through; on loopback."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

CHUNK = 4_096


class Proxy:
    """Stands between one client and a server. port: of the proxy, on 127.0.0.1. sent: pieces of the client so far.

    limit: pieces of the client that go through before the line is cut, 7.25: seven, and a quarter of the next; -1: all. kill: a group of processes to SIGKILL
    at that moment. after: what the client says last; the server hears it, and its answer is lost.
    """

    def __init__(self, server_port: int, *, limit: float = -1, after: bytes = b"") -> None:
        self.server_port, self.limit, self.after = server_port, limit, after
        self.sent, self.kill = 0, 0
        self.cut = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._lines: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._serve, daemon=True)]
        self._threads[0].start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._lines.append(client)
                server = socket.create_connection(("127.0.0.1", self.server_port))
                self._lines.append(server)
                for work in (self._there, self._back):
                    thread = threading.Thread(target=work, args=(client, server), daemon=True)
                    self._threads.append(thread)
                    thread.start()

    def _there(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(CHUNK):
                if 0 <= self.limit < self.sent + 1 and not self.cut:
                    server.sendall(data[:int((self.limit - self.sent) * len(data))])
                    self._end(client, server)
                    return
                if self.after and self.after in data and not self.cut:
                    self.cut = True
                    client.shutdown(socket.SHUT_RDWR)  # the answer is lost on its way
                    server.sendall(data)
                    break
                self.sent += 1
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _back(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while not self.cut and (data := server.recv(CHUNK)):
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)

    def _end(self, client: socket.socket, server: socket.socket) -> None:
        self.cut = True
        if self.kill:
            os.killpg(self.kill, signal.SIGKILL)
        for line in (client, server):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Cut all lines and stop."""
        for each in (self._listener, *self._lines):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for each in (self._listener, *self._lines):
            each.close()


@contextmanager
def between(server_port: int, *, limit: float = -1, after: bytes = b"") -> Iterator[Proxy]:
    """Run a line to a server of this machine: cut after `limit` pieces, or once what holds `after` went through."""
    proxy = Proxy(server_port, limit=limit, after=after)
    try:
        yield proxy
    finally:
        proxy.close()
