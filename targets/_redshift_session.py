"""A session of Redshift by its own driver, and what it refuses in words for a person.

redshift_connector, because drivers of PostgreSQL are written for another server: psycopg 3 does not know the encoding
that Redshift reports (psycopg issue 122), and none of them knows Redshift's certificates.
"""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import traceback
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.errors import TargetRefused, TargetUnreachable, UsageError, WorldEconomiesError
from pipeline.secrets import redacted
from targets import Row, _sql
from targets._redshift_address import Place
from targets._server import SAFE

DIALECT = "redshift"
AGAIN = "python load.py"
CONNECT_WITHIN = 10.0  # seconds
WAIT_FOR_LOCK = 10_000  # milliseconds, for another load
KEEPALIVE = 60  # seconds: what lies between forgets a connection that is silent while a long COPY runs
_CANCELLED = "57014"
_PASSING = re.compile(r"08|53|57|58|40|1023")  # how states begin that may be well in a moment
_REFUSED = re.compile(r"28|3D")


class Session:
    """One connection; statements go one by one, in a transaction between begin() and commit()."""

    def __init__(self, place: Place, shown: str) -> None:
        self._schema, self._shown = place.schema, shown
        place.require_login(shown)
        self._connection = _connected(place, shown)
        self._connection.autocommit = True  # until begin()
        with self.in_words():  # names that are quoted keep their capitals, as everywhere else
            self.execute("SET enable_case_sensitive_identifier TO true")

    def enter_schema(self) -> None:
        """Look for names in the schema, which is there."""
        self.execute(f"SET search_path TO {self._schema}")

    def begin(self) -> None:
        """Let the next statement begin a transaction."""
        self._connection.autocommit = False

    def lock(self) -> None:
        """Hold the table that a load holds, before anything is read: what is read then is what the one before left.

        Raises TargetUnreachable where another load holds it.
        """
        self.execute(f"SET statement_timeout TO {WAIT_FOR_LOCK}")
        try:
            self.execute("LOCK etl_lock")
        except TargetUnreachable as error:
            raise TargetUnreachable("Another program is writing in the database", where=self._shown, safe=SAFE,
                                    next_command=AGAIN) from error
        self.execute("SET statement_timeout TO 0")

    def commit(self) -> None:
        """Commit; statements after it are transactions of their own. A cut connection leaves open what became of it."""
        with self.in_words(safe="the load is in the database whole or not at all; the same command finds out, and does "
                           "nothing where it is"):
            self._connection.commit()
        self._connection.autocommit = True

    def rollback(self) -> None:
        """Undo all since begin(), as far as the connection lives."""
        with contextlib.suppress(Exception):
            self._connection.rollback()
        self._connection.autocommit = True

    def close(self) -> None:
        """Close it; what is not committed is gone."""
        with contextlib.suppress(Exception):
            self._connection.close()
        _shut(self._connection)

    def execute(self, text: str, values: Sequence[str] = ()) -> Any:
        """Run one statement with its texts :1, :2, ...; returns the cursor. Raises TargetRefused, TargetUnreachable."""
        from redshift_connector import PGVarchar

        with self.in_words():
            cursor = self._connection.cursor()
            cursor.paramstyle = "numeric"
            cursor.execute(text, [PGVarchar(value) for value in values] or None)
            return cursor

    def run(self, text: str, parameters: Mapping[str, Any]) -> int:
        """Run every statement of a file with the same parameters; returns how many rows the last of them wrote."""
        written = 0
        for each in _sql.statements(text):
            written = max(self.execute(*_sql.numbered(each, parameters)).rowcount, 0)
        return written

    def ask(self, name: str, parameters: Mapping[str, Any]) -> list[Row]:
        """Return the rows of a query, column name -> value."""
        cursor = self.execute(*_sql.numbered(_sql.query(name, DIALECT), parameters))
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    @contextlib.contextmanager
    def in_words(self, safe: str = SAFE) -> Iterator[None]:
        """Turn what the driver raises into an error of ours."""
        from redshift_connector import Error

        try:
            yield
        except (Error, OSError, struct.error) as error:
            raise _said(error, self._shown, safe) from error


def _connected(place: Place, shown: str) -> Any:
    try:
        import redshift_connector
    except ImportError:
        raise UsageError("--target redshift:// needs redshift_connector, which is not installed",
                         safe="nothing was changed",
                         next_command="python -m pip install -c constraints.txt '.[warehouse]'") from None
    try:  # the driver's own limit would hold for every statement too
        socket.create_connection((place.host, place.port), CONNECT_WITHIN).close()
    except socket.gaierror as error:
        raise TargetUnreachable(f"The host {place.host} is not known", where=shown, safe=SAFE,
                                next_command=AGAIN) from error
    except OSError as error:
        raise TargetUnreachable(f"The database does not answer: {error.strerror or error}", where=shown, safe=SAFE,
                                next_command=AGAIN) from error
    encrypted = place.sslmode != "disable"
    try:
        return redshift_connector.connect(
            host=place.host, port=place.port, user=place.user, password=place.password, database=place.database,
            ssl=encrypted, sslmode=place.sslmode if encrypted else None, application_name="world-economies",
            max_prepared_statements=0, tcp_keepalive_idle=KEEPALIVE)
    except (redshift_connector.Error, OSError, struct.error) as error:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            _shut(frame.f_locals.get("self"))
        raise _said(error, shown, SAFE) from error


def _shut(connection: Any) -> None:
    """Close what the driver leaves open of a connection that was cut, or that was never let in."""
    for name in ("_sock", "_usock"):
        with contextlib.suppress(OSError, ValueError):
            if stream := getattr(connection, name, None):
                stream.close()


def _said(error: Exception, shown: str, safe: str) -> WorldEconomiesError:
    """Return what the server or the driver says, in one line."""
    told = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    state, text = str(told.get("C", "")), " ".join(str(told.get("M") or error).split())
    if told and (_REFUSED.match(state) or not _PASSING.match(state)):
        return TargetRefused(f"Redshift refuses: {redacted(text)}", where=shown, safe=safe, next_command=AGAIN)
    return TargetUnreachable(f"The database does not answer: {redacted(text)}", where=shown, safe=safe,
                             next_command=AGAIN)
