"""results/datapackage.json: a Frictionless Data Package of the newest picture and the full history, as CSV beside it.

The package says of each file its size, sha256, rows, columns, units, keys; whose the figures are, under which licence,
and how to cite each vintage.

No reader ever finds a package whose hashes lie. All three files are written beside their names and flushed to the disk
before any of them takes its place: whatever fails until then leaves the old three as they were. Then the old package is
removed, the CSV files take their places, and the new package comes last. Who is killed in between leaves whole CSV
files and no package, which the next report makes again.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from history.model import Vintage
from pipeline.checkpoints import Part
from reports.published import HISTORY, HISTORY_KEY, PICTURE, Column, header, history_lines, picture_lines
from reports.publishers import citation, publisher
from utils import VERSION, Workspace, atomic_file, disk_full_named, fsync_folder, make_way, read_bytes, utc_now

if TYPE_CHECKING:
    from targets import BaseTarget

PACKAGE, PICTURE_CSV, HISTORY_CSV = "datapackage.json", "Countries_by_GDP.csv", "GDP_history.csv"
Vintages = dict[str, dict[str, Vintage]]  # dataset -> the text that ranges refer to -> what it stands for, oldest first
_LINES_PER_WRITE = 10_000
_DIALECT = {"delimiter": ",", "lineTerminator": "\n", "quoteChar": '"', "doubleQuote": True, "header": True,
            "skipInitialSpace": False, "caseSensitiveHeader": True}
_DESCRIPTION = """GDP by country as its publishers give it, never merged: a dataset is whose figures they are, a \
vintage is an edition of it. `{picture}` is the newest picture: one dataset, one vintage, one year, one row an \
economy. `{history}` is every figure of every vintage: a value holds for the vintages v of its dataset with \
from_vintage <= v < to_vintage, and for all from from_vintage on where to_vintage is empty.

Licences and citations are the publishers', one by one under `sources`. A dataset without a licence there is a table \
of the user's own, for which none is claimed.

A text that would begin with = + - @ or an apostrophe has one more apostrophe before it, so that no spreadsheet takes \
it for a formula."""


@dataclass(frozen=True)
class Written:
    """What a file has become: sha256, size in bytes, rows without the header."""

    sha256: str
    bytes: int
    rows: int


def write(workspace: Workspace, target: BaseTarget) -> list[Part]:
    """Write both CSV files and the package; returns them as parts, for the stage's manifest.

    Raises DiskFull, TargetError; until all three are on the disk the old ones stay as they were.
    """
    folder = workspace.results
    vintages = _vintages(target)
    # Left in the opposite order: the picture takes its place first, the package last.
    with ExitStack() as stack:
        package, history, picture = (stack.enter_context(atomic_file(folder / name))
                                     for name in (PACKAGE, HISTORY_CSV, PICTURE_CSV))
        told = {
            PICTURE_CSV: _fill(picture, PICTURE, picture_lines(target.rows("published_picture", {}))),
            HISTORY_CSV: _fill(history, HISTORY, _history_lines(target, vintages)),
        }
        shown = next(iter(target.query("picture_vintage", {})), None)
        content = _kept_time(folder / PACKAGE, descriptor(told, vintages, shown))
        told[PACKAGE] = _put(package, [json.dumps(content, ensure_ascii=False, indent=2) + "\n"])
        _flush(folder, (package, history, picture))
        make_way(folder / PACKAGE)
        fsync_folder(folder)
    return [Part(workspace.relative(folder / name), each.sha256, each.bytes, each.rows) for name, each in told.items()]


def _vintages(target: BaseTarget) -> Vintages:
    found: Vintages = {}
    for row in target.query("published_vintages", {}):
        key = row.pop("vintage")
        found.setdefault(row["dataset"], {})[key] = Vintage(**row)
    return found


def _history_lines(target: BaseTarget, vintages: Vintages) -> Iterator[str]:
    """Yield the lines of every dataset, one after another."""
    countries = {row["iso3"]: row["name"] for row in target.query("countries", {})}
    for dataset, known in vintages.items():
        rows = target.rows("published_history", {"dataset": dataset})
        yield from history_lines(dataset, rows, countries, known.items())


def _fill(stream: IO[bytes], columns: Sequence[Column], lines: Iterable[str]) -> Written:
    """Write a table; its header is no row."""
    written = _put(stream, itertools.chain([header(columns)], lines))
    return Written(written.sha256, written.bytes, written.rows - 1)


def _put(stream: IO[bytes], lines: Iterable[str]) -> Written:
    """Write texts, hashing and counting what goes by."""
    digest, size, rows, rest = hashlib.sha256(), 0, 0, iter(lines)
    while block := list(itertools.islice(rest, _LINES_PER_WRITE)):
        data = "".join(block).encode("utf-8", "backslashreplace")
        stream.write(data)
        digest.update(data)
        size, rows = size + len(data), rows + len(block)
    return Written(digest.hexdigest(), size, rows)


def _flush(folder: Path, streams: Iterable[IO[bytes]]) -> None:
    """Bring the files to the disk before anything old goes: a disk that is full says so here."""
    with disk_full_named(folder / PACKAGE):
        for stream in streams:
            stream.flush()
            os.fsync(stream.fileno())


def _kept_time(path: Path, content: dict[str, Any]) -> dict[str, Any]:
    """Return the content with the time of the package that is there, where nothing but the time would change."""
    try:
        before = json.loads(read_bytes(path))
        same = {**before, "created": ""} == {**content, "created": ""}
        return {**content, "created": before["created"]} if same else content
    except (OSError, ValueError, TypeError, KeyError):  # there is none, or none of ours
        return content


# --- what the package says ----------------------------------------------------------------------------------------


def descriptor(told: Mapping[str, Written], vintages: Vintages, shown: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the content of datapackage.json.

    told: of both CSV files. vintages: all that the history refers to. shown: the row of picture_vintage.sql, None where
    there is no picture. The version is the program's, which fixes the columns, and a digest of the content.
    """
    sources = [_source(dataset, list(known.values())) for dataset, known in vintages.items()]
    digest = hashlib.sha256("".join(told[name].sha256 for name in (PICTURE_CSV, HISTORY_CSV)).encode()).hexdigest()
    return {
        "profile": "tabular-data-package",
        "name": "world-economies",
        "title": "World Economies: GDP by country, every vintage kept",
        "description": _DESCRIPTION.format(picture=PICTURE_CSV, history=HISTORY_CSV),
        "version": f"{VERSION}+{digest[:12]}",
        "created": utc_now(),
        "keywords": ["GDP", "economies", "countries", "vintages", "revisions", "forecasts"],
        **_licences(sources),
        "sources": sources,
        "contributors": _contributors(vintages),
        "resources": [_picture(told[PICTURE_CSV], sources, shown), _history(told[HISTORY_CSV])],
    }


def _source(dataset: str, vintages: Sequence[Vintage]) -> dict[str, Any]:
    """Return the entry of a dataset: title and path by the standard, the rest properties of our own."""
    by = publisher(dataset)
    return {
        "title": ", ".join(word for word in (by.name, by.work) if word), **({"path": by.url} if by.url else {}),
        "dataset": dataset, "licenses": [by.licence] if by.licence else [],
        "citations": [{"vintage": each.label, "updated": each.updated, "published": each.published,
                       "citation": citation(each)} for each in vintages],
    }


def _licences(sources: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the licences of these datasets, each once, under their property; nothing where none is known."""
    found = list({each["path"]: each for source in sources for each in source["licenses"]}.values())
    return {"licenses": found} if found else {}


def _contributors(datasets: Iterable[str]) -> list[dict[str, str]]:
    """Return the publishers, whose figures they are, and the program, which arranged them."""
    known = map(publisher, datasets)
    return [{"title": by.name, "path": by.url, "role": "author"} for by in known if by.name] + [
        {"title": f"World Economies {VERSION}", "role": "wrangler"}]


def _picture(written: Written, sources: Sequence[Mapping[str, Any]], shown: Mapping[str, Any] | None) -> dict[str, Any]:
    own = [each for each in sources if shown and each["dataset"] == shown["dataset"]]
    vintage = Vintage.of_row(shown) if shown else None
    about = {"citation": citation(vintage)} if vintage else {}
    key = {"fields": ["Dataset", "ISO3", "Year"],
           "reference": {"resource": "gdp_history", "fields": ["dataset", "iso3", "year"]}}
    return _resource("countries_by_gdp", "The newest picture: GDP of each economy in one year", PICTURE_CSV, written,
                     PICTURE, {"primaryKey": ["ISO3"], "foreignKeys": [key]}) | _licences(own) | about


def _history(written: Written) -> dict[str, Any]:
    return _resource("gdp_history", "Every figure of every vintage, as ranges of vintages", HISTORY_CSV, written,
                     HISTORY, {"primaryKey": list(HISTORY_KEY)})


def _resource(name: str, title: str, path: str, written: Written, columns: Sequence[Column],
              keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return the descriptor of a file; `rows` is a property of our own that validators know."""
    return {
        "profile": "tabular-data-resource", "name": name, "title": title, "path": path, "format": "csv",
        "mediatype": "text/csv", "encoding": "utf-8", "dialect": _DIALECT, "bytes": written.bytes,
        "hash": f"sha256:{written.sha256}", "rows": written.rows,
        "schema": {"fields": [column.descriptor() for column in columns], "missingValues": [""], **keys},
    }
