"""What redshift://… names: where the warehouse is, who asks, where files for it are staged, who may read them there.

    redshift://USER@HOST:5439/DATABASE?schema=NAME&stage=s3://BUCKET/PREFIX&iam_role=ARN

Schema, address of the stage and role stand in SQL that takes no parameters: only what is nothing else is let in.
"""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from dataclasses import dataclass, field
from typing import NoReturn
from urllib.parse import parse_qsl, unquote, urlsplit

from pipeline import storage
from pipeline.errors import UsageError
from pipeline.secrets import redacted

EXAMPLE = "redshift://USER@HOST:5439/DATABASE?schema=NAME&stage=s3://BUCKET/PREFIX&iam_role=ARN"
SCHEMA = "world_economies"  # where none is named
PORT = 5439
SSL_MODES = ("verify-full", "verify-ca", "disable")
_NAMES = ("schema", "stage", "iam_role", "sslmode")
_SCHEMA = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,126}")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=.@_/-]{1,512}")
_PREFIX = re.compile(r"[A-Za-z0-9!_.*()/-]+")
_HERE = {"localhost", "127.0.0.1"}


@dataclass(frozen=True)
class Place:
    """A schema of a warehouse. stage: s3://BUCKET/PREFIX, role: an ARN or "default", both "" where not said.

    sslmode: one of SSL_MODES.
    """

    host: str
    port: int
    user: str
    database: str
    schema: str
    stage: str
    role: str
    sslmode: str
    password: str = field(default="", repr=False)

    def require_stage(self, shown: str) -> None:
        """See that a load has where to stage and who reads it. Raises UsageError."""
        if not (self.stage and self.role):
            raise UsageError("A load into Redshift needs stage=s3://BUCKET/PREFIX and iam_role=ARN in its address",
                             where=shown, safe="nothing was changed", next_command=f"--target '{EXAMPLE}'")

    def require_login(self, shown: str) -> None:
        """See that it says where, who, and by which password. Raises UsageError."""
        if missing := [name for name in ("host", "user", "password", "database") if not getattr(self, name)]:
            raise UsageError(f"The address of the warehouse lacks {', '.join(missing)}", where=shown,
                             safe="nothing was changed", next_command=f"--target '{EXAMPLE}', a password by "
                             "environment, --target-file or secretsmanager:NAME")


def place_of(url: str) -> Place:
    """Read an address. Raises UsageError."""
    try:
        parts = urlsplit(url)
    except ValueError:
        _wrong(url, "The host of the warehouse cannot be read")
    told = dict(parse_qsl(parts.query, keep_blank_values=True))
    if more := sorted(set(told) - set(_NAMES)):
        _wrong(url, f"The address of the warehouse has no parameter {more[0]!r}; there are {', '.join(_NAMES)}")
    schema, role = told.get("schema", SCHEMA), told.get("iam_role", "")
    if not _SCHEMA.fullmatch(schema):
        _wrong(url, f"{schema!r} is no name of a schema: small letters, digits and _")
    if role and role != "default" and not _ROLE.fullmatch(role):
        _wrong(url, f"{role!r} is no iam_role: arn:aws:iam::ACCOUNT:role/NAME, or default")
    try:
        port = parts.port or PORT
    except ValueError:
        _wrong(url, "The port of the warehouse is no number")
    host = parts.hostname or ""
    return Place(host, port, unquote(parts.username or ""), unquote(parts.path.strip("/")), schema,
                 _stage(url, told.get("stage", "")), role,
                 _sslmode(url, host, told.get("sslmode", SSL_MODES[0])), unquote(parts.password or ""))


def _stage(url: str, text: str) -> str:
    try:
        found = storage.storage_address(text)
    except ArgumentTypeError as error:
        _wrong(url, f"stage: {error}")
    if found and not _PREFIX.fullmatch(found.removeprefix(storage.SCHEME)):
        _wrong(url, "stage: letters, digits and !_.*()/- alone are taken in its prefix")
    return found


def _sslmode(url: str, host: str, mode: str) -> str:
    if mode not in SSL_MODES:
        _wrong(url, f"{mode!r} is no sslmode: {', '.join(SSL_MODES)}")
    if mode == "disable" and host not in _HERE:
        _wrong(url, "sslmode=disable is for a tunnel that ends on this machine: the password would be read on its way")
    return mode


def _wrong(url: str, what: str) -> NoReturn:
    raise UsageError(redacted(what), where=redacted(url), safe="nothing was changed",
                     next_command=f"--target '{EXAMPLE}'")
