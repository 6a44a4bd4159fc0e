"""What stands in for Redshift: a proxy on loopback before PostgreSQL, which Redshift's own driver talks to.

It takes away what only Redshift knows (parameters of the start, DISTKEY, SORTKEY), does COPY from S3 itself, and
refuses what Redshift's documentation does not allow. Tables have no keys here either: the merge alone keeps rows
apart.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.object_store import BUCKET, ObjectStore, known_here, object_store
from tests.postgres import PASSWORD, USER, Server, running

ROLE = "arn:aws:iam::123456789012:role/reads-the-stage"
STAGE = f"s3://{BUCKET}/stage"
# Redshift joins by hashes where it can, whatever its statistics say; PostgreSQL without statistics or keys does not.
PLANS = "-c enable_nestloop=off -c work_mem=64MB -c max_parallel_workers_per_gather=0 -c jit=off"
# What Redshift has not, or what would end a transaction: each with the page of its documentation that says so.
FOREIGN = re.compile(r"\bON CONFLICT\b|\bDISTINCT ON\b|::|\bpg_advisory|\bRETURNING\b|\bANY\s*\(|\bTRUNCATE\b|"
                     r"\bON COMMIT DROP\b|\bCREATE (UNIQUE )?INDEX\b|\bPRIMARY KEY\b|\bCHECK\s*\(|\btext COLLATE\b|"
                     r"CREATE OR REPLACE MATERIALIZED|\bDELETE FROM \w+ AS\b|\bto_regclass\b", re.IGNORECASE)
_COPY = re.compile(r"COPY (\w+) FROM '(s3://[^']+)' IAM_ROLE (?:'([^']+)'|default) FORMAT AS PARQUET MANIFEST")
_LAYOUT = re.compile(r"\s*\b(?:DISTSTYLE (?:ALL|KEY|EVEN)|DISTKEY \(\w+\)|(?:COMPOUND )?SORTKEY \([\w, ]+\))")
_SYSTEM = {
    "sys_load_error_detail": "emulated.load_errors", "stl_load_errors": "emulated.none_there",
    "svv_mv_info": "(SELECT schemaname AS schema_name, matviewname AS name FROM pg_matviews) AS svv_mv_info",
    "svv_table_info": "(SELECT schemaname AS schema, 1 AS size FROM pg_tables) AS svv_table_info"}


class Failure(Exception):
    """What COPY says, and what it writes down of it."""

    def __init__(self, message: str, file: str = "", line: int = 0, column: str = "") -> None:
        super().__init__(message)
        self.told = (file, line, column, message)


class Warehouse:
    """A database behind a proxy. sent: every statement, in order. password: of its user.

    cut: (how a statement begins, "before" or "after" it runs), to cut the connection there, once. spoil: what
    becomes of the rows of a COPY. seen: asked before each statement.
    """

    def __init__(self, server: Server, store: ObjectStore, name: str) -> None:
        import psycopg

        self.name, self._store, self.password = name, store, PASSWORD
        self.direct = server.create(name)
        with psycopg.connect(self.direct, autocommit=True) as connection:
            connection.execute("CREATE SCHEMA emulated")
            connection.execute("CREATE TABLE emulated.load_errors (session_id int, start_time timestamptz, "
                               "file_name text, line_number int, column_name text, error_message text)")
            connection.execute("CREATE TABLE emulated.none_there (session int, starttime timestamptz, filename text, "
                               "line_number int, colname text, err_reason text)")
        self.sent: list[str] = []
        self.cut: tuple[str, str] | None = None
        self.spoil: Callable[[bytes], bytes] = lambda rows: rows
        self.seen: Callable[[str], None] = lambda text: None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, *, user: str = USER, password: str = "", stage: str = STAGE, role: str = ROLE,
            schema: str = "world_economies") -> str:
        """Return the address of the warehouse."""
        login = f"{user}:{quote(password or self.password, safe='')}"
        return (f"redshift://{login}@127.0.0.1:{self.port}/{self.name}?schema={schema}&stage={stage}&iam_role={role}"
                "&sslmode=disable")

    def rows(self, text: str, schema: str = "world_economies") -> list[tuple[Any, ...]]:
        """Ask the database behind it; nothing for what has no rows."""
        import psycopg

        with psycopg.connect(self.direct, options=f"-c search_path={schema}", autocommit=True) as connection:
            cursor = connection.execute(text)
            return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        import psycopg

        with client, contextlib.suppress(OSError, EOFError, psycopg.OperationalError):
            if not client.recv(1, socket.MSG_PEEK):  # it only asked whether somebody listens
                return
            with (psycopg.connect(self.direct, autocommit=True, options=PLANS) as opened,
                  socket.socket(fileno=os.dup(opened.fileno())) as backend):
                backend.setblocking(True)
                try:
                    _Conversation(self, client, backend, opened.info.backend_pid).run()
                finally:
                    opened.close()

    # --- what a COPY reads ------------------------------------------------------------------------------------------

    def copied(self, url: str, role: str) -> tuple[str, bytes]:
        """Return the file that a manifest names, and its rows as PostgreSQL's COPY reads them. Raises Failure."""
        if role != ROLE:
            raise Failure("S3ServiceException:Access Denied,Status 403,Error AccessDenied")
        told = json.loads(self._object(url))
        assert set(told) == {"entries"} and len(told["entries"]) == 1
        entry = told["entries"][0]
        assert set(entry) == {"url", "mandatory", "meta"} and entry["mandatory"] is True
        data = self._object(entry["url"])
        if entry["meta"] != {"content_length": len(data)}:
            raise Failure("The content length of the manifest is another", entry["url"])
        return entry["url"], self.spoil(_lines(data))

    def _object(self, url: str) -> bytes:
        bucket, _, key = url.removeprefix("s3://").partition("/")
        try:
            return bytes(self._store.client.get_object(Bucket=bucket, Key=key)["Body"].read())
        except self._store.client.exceptions.NoSuchKey:
            raise Failure("S3ServiceException:The specified key does not exist.,Status 404,Error NoSuchKey",
                          url) from None


class _Conversation:
    """One connection of the driver's, message by message."""

    def __init__(self, warehouse: Warehouse, client: socket.socket, backend: socket.socket, pid: int) -> None:
        self.warehouse, self.client, self.backend, self.pid = warehouse, client, backend, pid
        self.status, self.sql = b"I", ""

    def run(self) -> None:
        self._start()
        while True:
            messages = self._until_sync()
            if messages[-1][0] == b"X":
                return
            self._answer(messages)

    def _start(self) -> None:
        """Let the driver in by the md5 of its password, and tell it what Redshift tells."""
        length, = struct.unpack("!I", _exactly(self.client, 4))
        words = _exactly(self.client, length - 4)[4:].split(b"\0")
        told = dict(zip(words[::2], words[1::2], strict=False))
        assert told[b"client_protocol_version"] == b"2" and b"driver_version" in told  # it is Redshift's own driver
        self.client.sendall(_packed(b"R", struct.pack("!I", 5) + b"salt"))
        answer = _message(self.client)[1].rstrip(b"\0")
        inner = hashlib.md5(self.warehouse.password.encode() + USER.encode()).hexdigest().encode()
        if told[b"user"] != USER.encode() or answer != b"md5" + hashlib.md5(inner + b"salt").hexdigest().encode():
            self._refuse("28000", f'password authentication failed for user "{told[b"user"].decode()}"')
        if told[b"database"] != self.warehouse.name.encode():
            self._refuse("3D000", f'database "{told[b"database"].decode()}" does not exist')
        self.client.sendall(_packed(b"R", struct.pack("!I", 0)) + _packed(b"S", b"client_encoding\0UNICODE\0")
                            + _packed(b"K", struct.pack("!II", self.pid, 0)) + _packed(b"Z", b"I"))

    def _refuse(self, state: str, reason: str) -> None:
        self.client.sendall(_packed(b"E", f"SFATAL\0C{state}\0M{reason}\0\0".encode()))
        raise EOFError

    def _until_sync(self) -> list[tuple[bytes, bytes]]:
        found = [_message(self.client)]
        while found[-1][0] not in b"SX":
            found.append(_message(self.client))
        return found

    def _answer(self, messages: list[tuple[bytes, bytes]]) -> None:
        out = b""
        for code, data in messages:
            if code == b"P":
                name, text, rest = data.split(b"\0", 2)
                self.sql = text.decode()
                self.warehouse.sent.append(self.sql)
                self.warehouse.seen(self.sql)
                try:
                    data = b"\0".join((name, self._rewritten(self.sql).encode(), rest))
                except Failure as failure:
                    self._fail(failure)
                    return
            out += _packed(code, data)
        cut = self.warehouse.cut if any(code == b"E" for code, _ in messages) else None
        if cut and self.sql.startswith(cut[0]):
            self.warehouse.cut = None
            if cut[1] == "after":
                self._exchange(out)
            raise EOFError
        answer = self._exchange(out)
        if self.sql.startswith("INSERT INTO fact_gdp") and any(code == b"E" for code, _ in messages):
            self._exchange(_packed(b"Q", b"ANALYZE fact_gdp\0"))
        self.client.sendall(answer)

    def _exchange(self, out: bytes) -> bytes:
        """Send to PostgreSQL; return all it says until it is ready."""
        self.backend.sendall(out)
        answer = b""
        while True:
            code, data = _message(self.backend)
            answer += _packed(code, data)
            if code == b"Z":
                self.status = data
                return answer
            if code == b"G":  # it waits for the rows of a COPY
                return answer

    def _rewritten(self, text: str) -> str:
        if found := FOREIGN.search(re.sub(r"'[^']*'", "''", text)):
            raise Failure(f'syntax error at or near "{found[0]}"')
        if text.startswith("REFRESH") and self.status != b"I":
            raise Failure("REFRESH MATERIALIZED VIEW is a transaction of its own")
        if text.startswith("SET enable_case_sensitive_identifier"):
            return "SET emulated.case_sensitive TO on"
        if found := _COPY.fullmatch(text):
            self._copy(found[1], found[2], found[3] or ROLE)
            return "SELECT 1 WHERE false"
        for name, there in _SYSTEM.items():
            text = re.sub(rf"\b{name}\b", there, text)
        return _LAYOUT.sub("", text)

    def _copy(self, table: str, url: str, role: str) -> None:
        file, rows = self.warehouse.copied(url, role)
        answer = self._exchange(_packed(b"Q", f"COPY {table} FROM STDIN".encode() + b"\0"))
        if answer[-len(_packed(b"Z", b"T")):][:1] != b"Z":
            answer = self._exchange(_packed(b"d", rows) + _packed(b"c", b""))
        if answer[:1] == b"E":
            fields = {part[:1]: part[1:].decode() for part in answer[5:].split(b"\0") if part}
            at = re.search(r"line (\d+)(?:, column (\w+))?", fields.get(b"W", ""))
            raise Failure(fields[b"M"], file, int(at[1]) if at else 0, (at[2] or "") if at else "")

    def _fail(self, failure: Failure) -> None:
        import psycopg

        file, line, column, reason = failure.told
        if file:
            with psycopg.connect(self.warehouse.direct, autocommit=True) as connection:
                connection.execute("INSERT INTO emulated.load_errors VALUES (%s, now(), %s, %s, %s, %s)",
                                   (self.pid, file, line, column, reason))
            reason = "Load into table failed. Check 'sys_load_error_detail' system table for details."
        if self.status == b"T":
            self._exchange(_packed(b"Q", b"SELECT emulated.no_such_function()\0"))
        told = b"SERROR\0CXX000\0M" + reason.encode() + b"\0\0"
        self.client.sendall(_packed(b"E", told) + _packed(b"Z", self.status))


def _lines(data: bytes) -> bytes:
    import pyarrow.parquet as pq

    def cell(value: object) -> str:
        return "\\N" if value is None else str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")

    columns = pq.read_table(io.BytesIO(data)).to_pydict().values()
    return "".join("\t".join(map(cell, row)) + "\n" for row in zip(*columns, strict=True)).encode()


def _exactly(stream: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        if not (block := stream.recv(count - len(found))):
            raise EOFError
        found += block
    return found


def _message(stream: socket.socket) -> tuple[bytes, bytes]:
    head = _exactly(stream, 5)
    return head[:1], _exactly(stream, struct.unpack("!I", head[1:])[0] - 4)


def _packed(code: bytes, data: bytes) -> bytes:
    return code + struct.pack("!I", len(data) + 4) + data


Make = Callable[[str], Warehouse]


@contextlib.contextmanager
def warehouses() -> Iterator[tuple[Make, ObjectStore]]:
    """Run a server and a store; yields what makes a warehouse by name. Skips where the driver is missing."""
    pytest.importorskip("redshift_connector", reason="the group `warehouse` is not installed")
    pytest.importorskip("moto", reason="moto is not installed")
    made: list[Warehouse] = []
    with running() as server, object_store() as store, known_here(store):

        def make(name: str) -> Warehouse:
            made.append(Warehouse(server, store, name))
            return made[-1]

        try:
            yield make, store
        finally:
            for warehouse in made:
                warehouse.close()
