"""The manifest of a lake: which files are its tables now, of which schema, and which batches are in them."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from pipeline.errors import TargetRefused
from targets import _schema
from targets._lake import SAFE
from utils import utc_now

FORMAT, FORMAT_VERSION = "world-economies-lake", 1
FILE = re.compile(r"[A-Za-z_]+-[0-9a-f]{16}(?:-[0-9a-f]{8})?\.parquet")  # a name of ours: it leaves no folder


@dataclass(frozen=True)
class File:
    """A table's file. columns: name -> type, in their order. key: the columns its rows are sorted by."""

    file: str
    bytes: int
    sha256: str
    rows: int
    columns: Mapping[str, str]
    key: tuple[str, ...]


@dataclass(frozen=True)
class Manifest:
    """What counts in a lake. schema: the last migration of sql/migrations, 0 where there is nothing yet.

    tables: name -> its file. batches: batch_id -> how often it was loaded; its figures are there once, however often.
    left: files that an earlier manifest named, name -> when they were replaced; its readers may still need them.
    """

    schema: int = 0
    tables: Mapping[str, File] = field(default_factory=dict)
    batches: Mapping[str, int] = field(default_factory=dict)
    left: Mapping[str, str] = field(default_factory=dict)

    @property
    def files(self) -> set[str]:
        """Names of files that count, now or for readers of an earlier manifest."""
        return {each.file for each in self.tables.values()} | set(self.left)

    @property
    def size(self) -> int:
        """Bytes of all tables."""
        return sum(each.bytes for each in self.tables.values())

    def same_content(self, other: Manifest) -> bool:
        """Tell whether another says the same but for when and by what it was replaced."""
        return (self.schema, self.tables, self.batches) == (other.schema, other.tables, other.batches)

    def text(self) -> bytes:
        """Return it as JSON; no two are equal, so that a writer knows its own."""
        told = {"format": FORMAT, "format_version": FORMAT_VERSION, "written": utc_now(),
                "publication": secrets.token_hex(8), **asdict(self)}
        return (json.dumps(told, ensure_ascii=False, indent=2) + "\n").encode()


def parsed(data: bytes, where: str) -> Manifest:
    """Return the manifest in these bytes.

    Raises ValueError for a damaged one, TargetRefused for one of another program or of a later version of ours.
    """
    told = json.loads(data)  # JSONDecodeError and UnicodeDecodeError are ValueErrors
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise TargetRefused("The manifest there is of another program", where=where, safe=SAFE,
                            next_command="another folder or prefix: --target parquet:DIR, --target s3://BUCKET/PREFIX")
    try:
        schema, version = int(told["schema"]), int(told["format_version"])
        _schema.refuse_newer(version, FORMAT_VERSION, where, what="The form of the lake", safe=SAFE)
        _schema.refuse_newer(schema, _schema.newest(), where, what="The lake", safe=SAFE)
        tables = {str(name): _file(each) for name, each in told["tables"].items()}
        batches = {str(name): int(times) for name, times in told["batches"].items()}
        return Manifest(schema, tables, batches, {_named(name): _timed(at) for name, at in told["left"].items()})
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it lacks {error}") from error


def _file(told: Mapping[str, Any]) -> File:
    return File(_named(told["file"]), int(told["bytes"]), str(told["sha256"]), int(told["rows"]),
                {str(name): str(kind) for name, kind in told["columns"].items()}, tuple(map(str, told["key"])))


def _named(name: str) -> str:
    if not FILE.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a file of it")
    return name


def _timed(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError(f"{text!r} is no time of a zone")
    return text
