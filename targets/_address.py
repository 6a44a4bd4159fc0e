"""What --target names: destinations, by name or by address, several of them separated by commas.

    sqlite                        the workspace's own database
    postgresql://user@host/db     a module of targets/ by the address's scheme
    parquet:DIR                   one that takes a path
    s3://bucket/prefix            a scheme that is another module's: parquet
    secretsmanager:NAME           one that is kept in AWS Secrets Manager
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pipeline.secrets import redacted

SERVED: Mapping[str, str] = {"s3": "parquet"}  # scheme -> the module that serves it, where that has another name


@dataclass(frozen=True)
class Address:
    """One destination. name: the module that serves it. url: all that was typed where that is more than the name."""

    name: str
    url: str = ""

    @property
    def shown(self) -> str:
        """It as it may be shown and written: without a password."""
        return redacted(self.url) if self.url else self.name


def parsed(text: str, names: Collection[str]) -> list[Address]:
    """Return the destinations of --target in their order, each once.

    names: of the targets there are; a comma is part of an address unless one of them, or a scheme, follows it.
    """
    known = "|".join(map(re.escape, sorted((*names, *SERVED), key=len, reverse=True)))
    found = [part.strip() for part in re.split(rf",(?=\s*(?:{known})(?:[:,]|\s*$))", text) if part.strip()]
    return list(dict.fromkeys(address_of(part) for part in found))


def address_of(text: str) -> Address:
    """Return the one destination that a text names, commas and all."""
    name, colon, _ = text.partition(":")
    plain = name.strip().lower()
    return Address(SERVED.get(plain, plain) if colon else plain, text if colon else "")
