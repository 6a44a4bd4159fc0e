"""What PostgreSQL says when it refuses, and what helps: the words of the server and of libpq."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.secrets import redacted

if TYPE_CHECKING:
    import psycopg

# A refusal by which no connection comes about has no SQLSTATE here; what may be over in a moment is none.
_NO = re.compile(r"FATAL: +(?!.*(?:starting up|shutting down|recovery|not accepting|too many|connection slots))"
                 r"|no password supplied|does not support SSL|certificate", re.DOTALL)
_STATES = ("08P01", "28", "3D", "42", "53", "54", "57014")
_HELP = (
    (re.compile("password authentication failed|no password supplied"),
     "The password belongs into the address in WORLD_ECONOMIES_TARGET, a file for --target-file, or PGPASSWORD"),
    (re.compile("database .* does not exist"), "Its administrator makes it: CREATE DATABASE"),
    (re.compile("permission denied"), "Which role needs which rights is in docs/warehouse.md"),
)


def is_refusal(error: psycopg.OperationalError) -> bool:
    """Tell whether the server answered, and said no: trying again would not help."""
    return (error.sqlstate or "").startswith(_STATES) or (error.sqlstate is None and bool(_NO.search(str(error))))


def said(error: psycopg.Error) -> str:
    """Return what the server or the driver says, in one line."""
    return redacted(" ".join(str(error.diag.message_primary or error).split()))


def with_help(text: str) -> str:
    """Return what the server said, and behind it what helps, where that is known."""
    return next((f"{text}. {words}" for pattern, words in _HELP if pattern.search(text)), text)
