"""The archive: the raw bytes of every answer, kept before anything reads them.

    results/archive/20261120T210509Z-imf-1a2b3c4d.json      one record an entry: what was asked, headers, times, sha256
    results/archive/bodies/1f/1f3870be274f6c49b3e31a0c…     the bytes, named by their sha256: the same bytes once

    with archive.entry("imf", "imf-weo") as entry:
        for document in source.fetch(request, http):
            documents.append(entry.add(document))            # on the disk before it is handed on
    for batch in source.parse(archive.load(entry.id)): ...

The record is written again after every document with "complete": false, and once more with true when the block ends
without an error: a process that is killed in the middle loses nothing it had fetched. Bodies carry no file suffix; a
parser that needs one finds it in RawDocument.url.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from difflib import get_close_matches
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from pipeline.documents import RawDocument
from pipeline.errors import CheckpointError, UsageError
from pipeline.http import URL_KEY
from pipeline.secrets import is_secret_header, redact_text, redacted, url_key
from utils import atomic_file, read_bytes, sha256_file, stamp_after, utc_now, write_json

LARGEST_COPY = 256 * 1024 * 1024  # bytes of a local file that is copied; a larger one is referred to where it lies
_ID = re.compile(r"([0-9]{8}T[0-9]{6}Z)-([A-Za-z0-9_.]{1,60})-([0-9a-f]{8})")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TEXTS = ("kind", "url", "fetched_at", "body", "key", "sha256")
_BLOCK = 1024 * 1024
_SAFE = "the database and the results of earlier runs are as they were"

Record = dict[str, Any]


class Entry:
    """One fetch of one source while it goes on; made by Archive.entry."""

    def __init__(self, archive: Archive, source: str, dataset: str) -> None:
        self.archive = archive
        self.id = archive.new_id(source)
        self.record: Record = {"id": self.id, "source": source, "dataset": dataset, "started": utc_now(),
                               "complete": False, "documents": []}

    def add(self, document: RawDocument) -> RawDocument:
        """Keep the document and return it as kept: `path` in the archive, no `data`.

        A local file over the archive's `largest_copy` stays where it is ("kept": false in the record), and so does its
        path. Raises UsageError for a file that cannot be read, DiskFull.
        """
        kept, described = self.archive.keep(document)
        self.record["documents"].append(described)
        self.archive.write(self.record)
        return kept

    def close(self) -> None:
        """Write that nothing is missing; an entry without any document leaves no record."""
        if self.record["documents"]:
            self.record["complete"] = True
            self.archive.write(self.record)


class Archive:
    """results/archive. largest_copy: bytes up to which a local file is copied."""

    def __init__(self, folder: Path, *, largest_copy: int = LARGEST_COPY) -> None:
        self.folder = folder
        self.largest_copy = largest_copy

    # --- writing

    @contextmanager
    def entry(self, source: str, dataset: str = "") -> Iterator[Entry]:
        """Open an entry; it is complete when the block ends without an error."""
        entry = Entry(self, source, dataset)
        yield entry
        entry.close()

    def drop_duplicate_body(self, entry_id: str, same_as_id: str) -> list[Path]:
        """Remove the bodies of an entry whose figures are those of another, and return what was removed.

        For sources whose answer carries a clock: other bytes each time, the same figures. The record stays and says
        "same_figures_as"; load returns the other's documents. A body that any other entry refers to stays.
        Raises CheckpointError unless the other's bodies are all intact, UsageError for an entry and itself.
        """
        record, root = self.read(entry_id), str(self.root(self.read(same_as_id))["id"])
        if root == entry_id:
            raise UsageError(f"{entry_id} cannot stand for itself", safe=_SAFE)
        self.load(root)  # the only bytes of a vintage are never removed
        record["same_figures_as"] = root
        for document in record["documents"]:
            document["kept"] = False
        self.write(record)  # first: were the bodies gone before, a crash in between would look like damage
        gone = self.unused_bodies(record)
        for path in gone:
            path.unlink(missing_ok=True)
        return gone

    def unused_bodies(self, record: Record) -> list[Path]:
        """Return the bodies of a record that no other entry refers to; none where a record cannot be read."""
        ours = {str(document["sha256"]) for document in record["documents"] if document["body"]}
        try:
            others = [self.read(each) for each in self.ids() if each != record["id"]]
        except CheckpointError:
            return []  # a record that cannot be read may refer to any of them
        used = {document["sha256"] for each in others for document in each["documents"] if document["kept"]}
        return [self.body(sha256) for sha256 in sorted(ours - used)]

    def new_id(self, source: str) -> str:
        """Return an id that sorts after all others: second, source, then the microsecond and three random digits."""
        name = re.sub(r"[^A-Za-z0-9_.]", "_", source)[:60] or "_"
        newest = next(iter(self.ids()), "")
        while True:
            now = datetime.now(UTC)
            rest = f"{name}-{now.microsecond:05x}{secrets.randbelow(4096):03x}"
            found = f"{now:%Y%m%dT%H%M%SZ}-{rest}"
            if _order(found) < _order(newest):  # the clock was set back
                found = f"{stamp_after(newest)}-{rest}"
            if not self._record_path(found).exists():
                return found

    def write(self, record: Record) -> None:
        """Write a record, atomically. Raises DiskFull."""
        write_json(self._record_path(record["id"]), record)

    def keep(self, document: RawDocument) -> tuple[RawDocument, Record]:
        """Put the document's bytes into the archive; return it as kept, and its part of the record.

        Raises ValueError for a document that has neither bytes nor a file.
        """
        described: Record = {
            "kind": document.kind, "url": redacted(document.url), "fetched_at": document.fetched_at,
            "headers": {name.lower(): redact_text(value) for name, value in document.headers.items()
                        if not is_secret_header(name) and name.lower() != URL_KEY},
            "parameters": dict(document.parameters),
            "key": document.headers.get(URL_KEY) or url_key(document.url),
        }
        if document.data is not None:
            sha256, size = hashlib.sha256(document.data).hexdigest(), len(document.data)
            self._keep_bytes(sha256, BytesIO(document.data))
        elif document.path is not None:
            sha256, size = self._keep_file(document.path)
        else:
            raise ValueError("a RawDocument needs a path or data")
        body = self.body(sha256)
        kept = document.data is not None or size <= self.largest_copy or _intact(body, sha256)
        described |= {"sha256": sha256, "bytes": size, "kept": kept,
                      "body": body.relative_to(self.folder).as_posix() if kept else ""}
        if not kept and document.path is not None:
            body = document.path.resolve()
            described["file"] = str(body)
        return replace(document, url=described["url"], headers=described["headers"], path=body, data=None), described

    def _keep_file(self, path: Path) -> tuple[str, int]:
        """Copy a local file in, never by a hard link: its owner may edit it in place. Return sha256 and bytes."""
        with _opened(path) as stream:
            sha256, size = _digest(stream)
            if size <= self.largest_copy:
                stream.seek(0)
                self._keep_bytes(sha256, stream)
        return sha256, size

    def _keep_bytes(self, sha256: str, stream: IO[bytes]) -> None:
        """Write a body unless it is there, whole; one that was damaged is healed."""
        body = self.body(sha256)
        if _intact(body, sha256):
            return
        with atomic_file(body) as copy:
            if _digest(stream, copy)[0] != sha256:
                raise UsageError("The file changes while it is read", safe=_SAFE,
                                 next_command="the same command again, when nothing writes to the file any more")

    # --- reading

    def body(self, sha256: str) -> Path:
        """Return where the bytes of this sha256 are, or would be."""
        return self.folder / "bodies" / sha256[:2] / sha256

    def ids(self) -> list[str]:
        """Return the ids of all entries, newest first."""
        found = [path.stem for path in self.folder.glob("*.json") if _ID.fullmatch(path.stem)]
        return sorted(found, key=_order, reverse=True)

    def entries(self) -> list[Record]:
        """Return the records of all entries, newest first; one that cannot be read is left out."""
        records = []
        for entry_id in self.ids():
            try:
                records.append(self.read(entry_id))
            except CheckpointError:
                continue
        return records

    def latest(self, source: str | None = None) -> str | None:
        """Return the id of the newest complete entry (of a source), None where there is none."""
        for record in self.entries():
            if record["complete"] and source in (None, record["source"]):
                return str(record["id"])
        return None

    def read(self, entry_id: str) -> Record:
        """Return the record of an entry.

        Raises UsageError for an unknown id, naming the closest known one; CheckpointError for a damaged record.
        """
        path = self._record_path(entry_id)
        if not _ID.fullmatch(entry_id) or not os.path.lexists(path):
            raise self._unknown(entry_id)
        try:
            record = json.loads(read_bytes(path))
        except (ValueError, RecursionError) as error:
            raise self._damaged(path, entry_id, f"is no JSON: {error}") from None
        if not _well_formed(record):
            raise self._damaged(path, entry_id, "does not have the form of a record")
        return dict(record)

    def load(self, entry_id: str) -> list[RawDocument]:
        """Return the documents of a complete entry, each body verified; those of its twin where its own were dropped.

        Raises UsageError for an unknown id, CheckpointError for a body that is missing or damaged, and for an entry
        that was cut off.
        """
        record = self.root(self.read(entry_id))
        if not record["complete"]:
            raise CheckpointError(f"The entry {entry_id} was cut off while fetching: "
                                  f"{len(record['documents'])} documents are kept, others are missing",
                                  where=str(self._record_path(entry_id)), safe=_SAFE, next_command=_fetch_again(record))
        return [self._document(record, each) for each in record["documents"]]

    def root(self, record: Record) -> Record:
        """Return the record whose bodies stand for this one's: itself, unless they were dropped. Raises as read."""
        seen = {record["id"]}
        while (twin := record.get("same_figures_as")) and twin not in seen:
            seen.add(twin)
            record = self.read(str(twin))
        return record

    def _document(self, record: Record, described: Record) -> RawDocument:
        path = self.body(described["sha256"]) if described["kept"] else Path(described.get("file") or "")
        if not _intact(path, described["sha256"]):
            state = "damaged" if path.is_file() else "missing"
            raise CheckpointError(
                f"The archived answer {record['id']} cannot be used: {path.name or 'its body'} is {state}",
                where=str(path), safe=_SAFE, next_command=_fetch_again(record))
        return _as_document(described, path)

    def intact_document(self, described: Record) -> RawDocument | None:
        """Return a document of a record, None unless its body is in the archive and whole."""
        path = self.body(described["sha256"])
        return _as_document(described, path) if described["kept"] and _intact(path, described["sha256"]) else None

    def _record_path(self, entry_id: str) -> Path:
        return self.folder / f"{entry_id}.json"

    def _unknown(self, entry_id: str) -> UsageError:
        near = get_close_matches(entry_id, self.ids(), 1, 0.0)
        hint = f"; the closest is {near[0]}" if near else "; the archive is empty"
        return UsageError(f"The archive has no entry {entry_id[:80]!r}{hint}", where=str(self.folder), safe=_SAFE,
                          next_command=f"python extract.py --from-archive {near[0]}" if near else "python extract.py")

    def _damaged(self, path: Path, entry_id: str, what: str) -> CheckpointError:
        return CheckpointError(f"The record of the entry {entry_id} {what}", where=str(path), safe=_SAFE,
                               next_command="python extract.py   # fetches again")


class Recalled:
    """The last answers of all addresses, for Http's conditional requests (pipeline.http.Remembered)."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self._known: dict[str, list[tuple[Record, Record]]] | None = None

    def recall(self, url: str) -> tuple[str, str, RawDocument | None] | None:
        """Return (etag, last_modified, document) of the newest whole answer of exactly this address, else None."""
        if self._known is None:
            self._known = self._read()
        for record, described in self._known.get(url_key(url), []):
            document = self._kept(record, described)
            if document is not None:
                headers = described["headers"]
                marks = {name: headers[name] for name in ("etag", "last-modified") if name in headers}
                document = replace(document, headers={**document.headers, **marks})
                return marks.get("etag", ""), marks.get("last-modified", ""), document
        return None

    def _read(self) -> dict[str, list[tuple[Record, Record]]]:
        known: dict[str, list[tuple[Record, Record]]] = {}
        for record in self.archive.entries():
            for described in record["documents"] if record["complete"] else ():
                if described["headers"].get("etag") or described["headers"].get("last-modified"):
                    known.setdefault(described["key"], []).append((record, described))
        return known

    def _kept(self, record: Record, described: Record) -> RawDocument | None:
        """Return the document, or where its body was dropped the older one with the same figures."""
        if not record.get("same_figures_as"):
            return self.archive.intact_document(described)
        try:
            documents = self.archive.root(record)["documents"]
        except (CheckpointError, UsageError):
            return None
        same = (each for each in documents if (each["key"], each["kind"]) == (described["key"], described["kind"]))
        return next(map(self.archive.intact_document, same), None)


# --- small parts --------------------------------------------------------------------------------------------------


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", safe=_SAFE) from None


def _digest(stream: IO[bytes], copy: IO[bytes] | None = None) -> tuple[str, int]:
    """Return sha256 and size of what is left of a stream, writing it to `copy` on the way."""
    digest, size = hashlib.sha256(), 0
    while block := stream.read(_BLOCK):
        digest.update(block)
        size += len(block)
        if copy is not None:
            copy.write(block)
    return digest.hexdigest(), size


def _intact(path: Path, sha256: str) -> bool:
    try:
        return path.is_file() and sha256_file(path) == sha256
    except OSError:
        return False


def _order(entry_id: str) -> tuple[str, str, str]:
    found = _ID.fullmatch(entry_id)
    return (found[1], found[3], found[2]) if found else ("", "", "")


def _as_document(described: Mapping[str, Any], path: Path) -> RawDocument:
    return RawDocument(described["kind"], described["url"], described["fetched_at"], described["headers"],
                       described["parameters"], path=path)


def _fetch_again(record: Record) -> str:
    return f"python extract.py --source {record['source']}   # fetches again"


def _well_formed(record: object) -> bool:
    """Tell whether what a record file holds can be trusted to have its fields, and no path that leaves the archive."""
    if not (isinstance(record, dict) and isinstance(record.get("documents"), list)
            and isinstance(record.get("complete"), bool)
            and all(isinstance(record.get(name), str) for name in ("id", "source", "dataset", "started"))):
        return False
    return all(isinstance(each, dict) and isinstance(each.get("kept"), bool)
               and isinstance(each.get("headers"), dict) and isinstance(each.get("parameters"), dict)
               and all(isinstance(each.get(name), str) for name in _TEXTS)
               and _SHA256.fullmatch(each["sha256"]) for each in record["documents"])
