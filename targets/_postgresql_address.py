"""The address of a database of PostgreSQL: what of it is libpq's, and which schema it names."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, unquote, urlencode

from pipeline.errors import UsageError
from pipeline.secrets import redacted

ADDRESSED = "postgresql://USER@HOST/DATABASE?schema=NAME"
SCHEMA = "world_economies"  # where none is named
MOST_NAME = 63  # bytes of a name


def parameters_of(url: str) -> tuple[str, list[tuple[str, str]]]:
    """Return an address up to its "?", and the parameters behind that.

    Neither by urlsplit nor by parse_qsl: they read "postgresql:///DATABASE" and "[::1" otherwise than libpq, to which a
    "+" is a plus, and a blank is %20.
    """
    head, _, text = url.partition("?")
    pairs = (pair.partition("=") for pair in text.split("&") if pair)
    return head, [(unquote(name), unquote(value)) for name, _, value in pairs]


def with_parameters(head: str, parameters: Sequence[tuple[str, str]]) -> str:
    """Return an address with these parameters behind its "?"."""
    return f"{head}?{urlencode(parameters, quote_via=quote)}" if parameters else head


def parted(url: str) -> tuple[str, str]:
    """Return the address without schema=NAME, and the schema. Raises UsageError for a name that is none."""
    head, query = parameters_of(url)
    schema = next((value for name, value in query if name == "schema"), SCHEMA)
    if not schema or "\0" in schema or len(schema.encode()) > MOST_NAME or schema.startswith("pg_"):
        raise UsageError(f"{schema!r} is no name of a schema", where=redacted(url), safe="nothing was changed",
                         next_command="--target 'postgresql://…?schema=NAME'")
    return with_parameters(head, [(name, value) for name, value in query if name != "schema"]), schema


def refuse_unreadable(url: str) -> None:
    """Refuse an address that libpq reads otherwise than it was meant. Raises UsageError.

    What a wrong one is taken for may be a part of its password, and the driver's messages repeat it: this one does not.
    """
    from psycopg import ProgrammingError, conninfo

    try:
        read = conninfo.conninfo_to_dict(url) if url.startswith(("postgresql://", "postgres://")) else {}
        ports, hosts = str(read.get("port", "")).split(","), str(read.get("host", ""))
        good = bool(read) and "@" not in hosts and all(not port or port.isdigit() for port in ports)
    except ProgrammingError:
        good = False
    if not good:
        raise UsageError("The address of the database cannot be read: in its user and password every character but "
                         "letters and digits is written %XX, a blank %20, @ %40, / %2F, % %25",
                         safe="nothing was changed", next_command=f"--target '{ADDRESSED}'") from None
