"""Columns of tables, wherever they are told: by a schema from outside, a checkpoint, a target. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

# Types are compared by their families, since each system names its own; lengths, precisions and widths are left out.
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "text": ("text", "varchar", "character varying", "nvarchar", "char", "character", "bpchar", "nchar", "string",
             "large_string", "utf8", "clob", "name", "str"),
    "integer": ("integer", "int", "bigint", "smallint", "tinyint", "mediumint", "int2", "int4", "int8", "int16",
                "int32", "int64", "serial", "bigserial", "year"),
    "number": ("double", "double precision", "float", "float4", "float8", "float64", "real", "numeric", "decimal",
               "number"),
    "boolean": ("boolean", "bool"),
    "time": ("timestamp", "timestamptz", "timestamp without time zone", "timestamp with time zone", "datetime", "date"),
}
_FAMILY = {name: family for family, names in FAMILIES.items() for name in names}
_SIZE = re.compile(r"\s*(?:\([^)]*\)|\[[^\]]*\])")  # varchar(3), timestamp[us]


class Column(NamedTuple):
    """A column. type: as its place names it, "" where it does not tell; nullable: None where it does not tell."""

    name: str
    type: str
    nullable: bool | None = None

    @property
    def told(self) -> str:
        """Type and nullability in words: "text NOT NULL"."""
        return (self.type or "of any type") + {True: " NULL", False: " NOT NULL", None: ""}[self.nullable]


Tables = Mapping[str, Sequence[Column]]  # table -> its columns, in their order


def family(kind: str) -> str:
    """Return which family a type belongs to, "" for none told; one that is in no family is compared by its name."""
    plain = " ".join(_SIZE.sub("", kind.lower()).split())
    return _FAMILY.get(plain, plain)
