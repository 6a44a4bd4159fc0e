"""A line to PostgreSQL that is cut, or kills the one who speaks, when so much has gone through; on loopback."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

CHUNK = 65_536


class Proxy:
    """Stands between one client and a server. port: of the proxy, on 127.0.0.1. sent: messages of the client so far.

    limit: messages that go through before the line is cut, 7.25: seven, and a quarter of the next; -1: all. kill: a
    group of processes to SIGKILL at that moment. after: what the client says last; the server hears it, its answer is
    lost.
    """

    def __init__(self, server_port: int, *, limit: float = -1, after: bytes = b"") -> None:
        self.server_port, self.limit, self.after = server_port, limit, after
        self.sent, self.kill = 0, 0
        self.cut = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._lines: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._begin(self._serve)

    def _begin(self, work: Callable[..., None], *sockets: socket.socket) -> None:
        self._threads.append(threading.Thread(target=work, args=sockets, daemon=True))
        self._threads[-1].start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._lines.append(self._listener.accept()[0])
                self._lines.append(socket.create_connection(("127.0.0.1", self.server_port)))
                for work in (self._there, self._back):
                    self._begin(work, *self._lines[-2:])

    def _there(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            for message in messages(client):
                if self.cut:
                    break
                if 0 <= self.limit < self.sent + 1:
                    server.sendall(message[:int((self.limit - self.sent) * len(message))])
                    self._end(client)
                    break
                if self.after and self.after in message:
                    self._end(client)
                    server.sendall(message)
                    break
                self.sent += 1
                server.sendall(message)
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_WR)

    def _back(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(CHUNK):
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)

    def _end(self, client: socket.socket) -> None:
        self.cut = True
        if self.kill:
            os.killpg(self.kill, signal.SIGKILL)
        client.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Cut all lines and stop."""
        for each in (self._listener, *self._lines):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for each in (self._listener, *self._lines):
            each.close()


def messages(client: socket.socket) -> Iterator[bytes]:
    """Yield what a client says: its first messages, which have no letter before their length, and then the others."""
    stream = client.makefile("rb")
    lettered = False
    while head := stream.read(5 if lettered else 4):
        length = int.from_bytes(head[-4:], "big")
        message = head + stream.read(length - 4)
        lettered = lettered or message[4:8] == b"\x00\x03\x00\x00"  # the one that says who it is; before: may I encrypt
        yield message


@contextmanager
def between(server_port: int, *, limit: float = -1, after: bytes = b"") -> Iterator[Proxy]:
    """Run a line to a server of this machine: cut after `limit` messages, or once what holds `after` went through."""
    proxy = Proxy(server_port, limit=limit, after=after)
    try:
        yield proxy
    finally:
        proxy.close()
