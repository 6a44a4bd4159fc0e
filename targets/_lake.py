"""Where the files of a lake lie: a folder of this machine, or a prefix of an object store; what both do with them.

Files are put once and never changed: put() says False where one of the name is there already. The manifest says which
of them count. replace() puts another in its place in one step, and only for who has seen the one before it: of two that
write at once the second is refused, whatever it was doing. In a folder that is a lock and a rename, in a store the
conditions If-None-Match and If-Match of a PUT.

Both have the same methods, and raise TargetRefused, TargetUnreachable and DiskFull, which say what is safe.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import os
import re
import shutil
import tempfile
import time
from argparse import ArgumentTypeError
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from pipeline import storage
from pipeline.errors import TargetRefused, TargetUnreachable, UsageError, WorldEconomiesError
from utils import atomic_file, disk_full_named, make_folder

MANIFEST = "manifest.json"
LOCK = ".lock"
SAFE = "the lake is as it was"
AGAIN = ""  # the command that met it, whichever it was
WAIT = 5.0  # seconds for another program that writes
CONNECT, ANSWER, TRIES = 5.0, 60.0, 3  # seconds to connect, and without a byte; requests sent
CHUNK = 1 << 20  # bytes copied at once
_CHANGED = {"412", "409", "PreconditionFailed", "ConditionalRequestConflict"}
_MISSING = "NoSuchKey"  # a 404 without it is not the store's word
_PASSING = {"RequestTimeout", "Throttling", "ThrottlingException", "TooManyRequests"}  # beside all of 500 and more
_CREDENTIALS = ("the same command with AWS_PROFILE, or AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_DEFAULT_REGION "
                "of somebody who may; AWS_ENDPOINT_URL for a store that is not Amazon's")
_NEXT = {
    "NoSuchBucket": "make the bucket, or name another one: --target s3://BUCKET/PREFIX",
    "AccessDenied": "the same command as a user or role with s3:GetObject, s3:PutObject and s3:ListBucket there; "
                    "without the last one a file that is not there is forbidden, too",
}
_HALF_WRITTEN = re.compile(r"\..+-[a-z0-9_]{8}\.tmp")  # as utils.atomic_file names them


@dataclass(frozen=True)
class Seen:
    """A manifest as it was read. mark: what its place knows this state by; both empty where there is none."""

    data: bytes = b""
    mark: str = ""


# --- a folder -----------------------------------------------------------------------------------------------------


class FolderLake:
    """A folder of this machine; who writes holds an flock on a file in it, which goes with the process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def where(self, name: str = "") -> str:
        """Return the address of a file, or of the whole, as it may be shown."""
        return str(self.folder / name)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Begin to write: make the folder, hold its lock, remove what a killed writer left half-written.

        Raises TargetUnreachable where another program writes.
        """
        with self._in_words(), disk_full_named(self.folder):
            make_folder(self.folder)
            descriptor = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            with self._in_words():
                self._lock(descriptor)
                for half in filter(lambda path: _HALF_WRITTEN.fullmatch(path.name), list(self.folder.iterdir())):
                    half.unlink()
            yield
        finally:
            os.close(descriptor)

    def _lock(self, descriptor: int) -> None:
        deadline = time.monotonic() + WAIT
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise TargetUnreachable("Another program is writing in the lake", where=self.where(), safe=SAFE,
                                            next_command=AGAIN) from None
                time.sleep(0.05)
            else:
                return

    def manifest(self) -> Seen:
        """Return the manifest that counts now; its mark is the sha256."""
        try:
            with self._in_words():
                data = (self.folder / MANIFEST).read_bytes()
        except FileNotFoundError:
            return Seen()
        return Seen(data, hashlib.sha256(data).hexdigest())

    def replace(self, data: bytes, seen: Seen) -> None:
        """Put a manifest in the place of the one seen, by a rename: the lock is held.

        Raises TargetUnreachable where that is not there any more.
        """
        if self.manifest().mark != seen.mark:  # by something that asks for no lock
            raise _beaten(self)
        with self._in_words(), atomic_file(self.folder / MANIFEST) as stream:
            stream.write(data)

    @contextlib.contextmanager
    def opened(self, name: str) -> Iterator[IO[bytes]]:
        """Open a file for reading, at any place. Raises FileNotFoundError."""
        with self._in_words():
            stream = (self.folder / name).open("rb")
        with stream:
            yield stream

    def put(self, name: str, stream: IO[bytes]) -> bool:
        """Write a file, complete or not at all; returns False, with nothing changed, where there is one of the name."""
        with self._in_words():
            if (self.folder / name).exists():
                return False
            with atomic_file(self.folder / name) as target:
                shutil.copyfileobj(stream, target, CHUNK)
        return True

    def listed(self) -> dict[str, datetime]:
        """Return name -> time of writing of every file."""
        with self._in_words():
            return {path.name: datetime.fromtimestamp(path.stat().st_mtime, UTC) for path in self.folder.iterdir()
                    if path.is_file()}

    def remove(self, name: str) -> None:
        """Remove a file; none is no error."""
        with self._in_words():
            (self.folder / name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        """Turn what the system refuses into an error of ours; that a file is missing stays what it is."""
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            raise TargetRefused(f"The lake cannot be read or written: {error.strerror or error}",
                                where=str(error.filename or self.folder), safe=SAFE, next_command=AGAIN) from error


# --- an object store ----------------------------------------------------------------------------------------------


class _Changed(Exception):
    """The condition of a PUT does not hold."""


class ObjectLake:
    """Objects under a prefix of a bucket, by boto3: pyarrow's file system knows no conditions.

    Address, region and credentials of the store are those of its usual environment and files (AWS_ENDPOINT_URL,
    AWS_PROFILE, a role of the machine, ...), never options. The store must honour If-None-Match and If-Match on PUT, as
    Amazon's does since November 2024. A file is one PUT, 5 GiB at most.
    """

    def __init__(self, bucket: str, prefix: str) -> None:
        self.bucket, self.prefix = bucket, prefix

    def where(self, name: str = "") -> str:
        """Return s3://BUCKET/PREFIX/NAME."""
        return f"{storage.SCHEME}{self.bucket}/{self.prefix}" + (f"/{name}" if name else "")

    @cached_property
    def _client(self) -> Any:
        """Make the client; only inside _in_words(), which says what is not installed or set up."""
        import boto3
        from botocore.config import Config

        return boto3.client("s3", config=Config(connect_timeout=CONNECT, read_timeout=ANSWER,
                                                retries={"total_max_attempts": TRIES, "mode": "standard"}))

    def _at(self, name: str) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": f"{self.prefix}/{name}"}

    def alone(self) -> contextlib.AbstractContextManager[None]:
        """Do nothing: who comes second is refused by replace()."""
        return contextlib.nullcontext()

    def manifest(self) -> Seen:
        """Return the manifest; its mark is the ETag of the same answer."""
        try:
            with self._in_words(MANIFEST, may_lack=True):
                answer = self._client.get_object(**self._at(MANIFEST))
                if "ETag" not in answer:
                    raise TargetUnreachable("The object store answers as none does: a proxy or a sign-in page may be "
                                            "on the way", where=self.where(MANIFEST), safe=SAFE, next_command=AGAIN)
                return Seen(answer["Body"].read(), answer["ETag"])
        except FileNotFoundError:
            return Seen()

    def replace(self, data: bytes, seen: Seen) -> None:
        """Put it on the condition that the one seen is there; or, where none was, that none is."""
        condition = {"IfMatch": seen.mark} if seen.mark else {"IfNoneMatch": "*"}
        try:
            with self._in_words(MANIFEST, may_lack=True):
                self._client.put_object(**self._at(MANIFEST), Body=data, ContentType="application/json", **condition)
        except (_Changed, FileNotFoundError):
            # A PUT whose answer was lost is sent again, and then its own success is what it meets.
            if self.manifest().data != data:
                raise _beaten(self) from None
        except TargetUnreachable as error:
            error.safe = "the lake is as it was, or whole as this load made it: the same command goes on from either"
            raise

    @contextlib.contextmanager
    def opened(self, name: str) -> Iterator[IO[bytes]]:
        """Bring an object here, into a file without a name."""
        with scratch() as stream:
            with self._in_words(name, may_lack=True):
                for block in self._client.get_object(**self._at(name))["Body"].iter_chunks(CHUNK):
                    stream.write(block)
            stream.seek(0)
            yield stream

    def put(self, name: str, stream: IO[bytes]) -> bool:
        """Put an object on the condition that there is none of the name."""
        try:
            with self._in_words(name):
                self._client.put_object(**self._at(name), Body=stream, IfNoneMatch="*")
        except _Changed:
            return False
        return True

    def listed(self) -> dict[str, datetime]:
        """Return the objects right under the prefix."""
        with self._in_words():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=f"{self.prefix}/", Delimiter="/")
            return {each["Key"].rpartition("/")[2]: each["LastModified"]
                    for page in pages for each in page.get("Contents", ())}

    def remove(self, name: str) -> None:
        """Delete the object."""
        with self._in_words(name):
            self._client.delete_object(**self._at(name))

    @contextlib.contextmanager
    def _in_words(self, name: str = "", *, may_lack: bool = False) -> Iterator[None]:
        """Turn what the store answers into _Changed, an error of ours or, where it may lack it, FileNotFoundError."""
        try:
            import boto3  # noqa: F401
            from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError
            from botocore.exceptions import ConnectionError as Unconnected
        except ImportError:
            raise UsageError("--target s3:// needs boto3, which is not installed", safe="nothing was changed",
                             next_command="python -m pip install -c constraints.txt '.[warehouse]'") from None

        try:
            yield
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _CHANGED:
                raise _Changed(code) from None
            if code == _MISSING and may_lack:
                raise FileNotFoundError(name) from None
            raise self._said(error, name) from error
        except RecursionError as error:  # of a redirect botocore asks where the bucket is, and of that one's again
            raise TargetUnreachable("The object store redirects without end: a proxy or a sign-in page may be on the "
                                    "way", where=self.where(name), safe=SAFE, next_command=AGAIN) from error
        except (Unconnected, HTTPClientError, IncompleteReadError) as error:
            raise TargetUnreachable(f"The object store does not answer: {error}", where=self.where(name), safe=SAFE,
                                    next_command=AGAIN) from error
        except (BotoCoreError, ValueError) as error:  # a ValueError: AWS_ENDPOINT_URL is no address
            raise self._refused(f"The object store cannot be asked: {error}", name) from error

    def _said(self, error: Any, name: str) -> WorldEconomiesError:
        """Return what an answer of the store means."""
        told = error.response.get("Error", {})
        status: int = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = str(told.get("Code", status))
        what = f"{self._client.meta.endpoint_url} says {code}: {told.get('Message', '')}".rstrip(": ")
        if status >= 500 or code in _PASSING:
            return TargetUnreachable(what, where=self.where(name), safe=SAFE, next_command=AGAIN)
        return self._refused(what, name, code)

    def _refused(self, what: str, name: str, code: str = "") -> TargetRefused:
        return TargetRefused(what, where=self.where(name), safe=SAFE, next_command=_NEXT.get(code, _CREDENTIALS))


# --- either -------------------------------------------------------------------------------------------------------

Lake = FolderLake | ObjectLake


def lake_of(url: str, root: Path) -> Lake:
    """Return the place that parquet:DIR or s3://BUCKET/PREFIX names; DIR is relative to the root. Raises UsageError."""
    text = url.partition(":")[2] if url.lower().startswith("parquet:") else url
    if storage.is_far(text):
        try:
            address = storage.storage_address(text)
        except ArgumentTypeError as error:
            raise UsageError(f"--target: {error}", safe="nothing was changed",
                             next_command="--target s3://bucket/prefix") from None
        return ObjectLake(*address.removeprefix(storage.SCHEME).split("/", 1))
    if not text.strip() or re.match(r"[a-z0-9]+://", text):
        raise UsageError(f"{url!r} names no folder", safe="nothing was changed", next_command="--target parquet:DIR")
    return FolderLake(root / Path(text).expanduser())


def _beaten(lake: Lake) -> TargetUnreachable:
    return TargetUnreachable("Another load has published in the lake meanwhile", where=lake.where(MANIFEST),
                             safe="the lake is as that load left it", next_command=AGAIN)


@contextlib.contextmanager
def scratch() -> Iterator[IO[bytes]]:
    """Yield a file without a name, which is gone with the process however that ends. Raises DiskFull."""
    with disk_full_named(Path(tempfile.gettempdir())), tempfile.TemporaryFile() as stream:
        yield stream


def measured(stream: IO[bytes]) -> tuple[int, str]:
    """Return size and sha256 of a file, which is at its beginning again."""
    stream.seek(0)
    digest = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    return size, digest
