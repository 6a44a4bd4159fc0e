"""Where a file lies: in a folder of this machine, or in an object store, s3://BUCKET/KEY.

A place is a pathlib.Path or a Far, which has as much of a Path as the steps of large tables use. Functions here take
either; for a Path they do what has always been done. The address, region and credentials of a store are those of its
usual environment and files (AWS_ENDPOINT_URL, AWS_DEFAULT_REGION, AWS_PROFILE, ...), never options. An upload is
complete or absent: an object has its name when all of it has arrived. pyarrow is imported for a Far only.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import mmap
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import IO, Any, BinaryIO
from urllib.parse import urlsplit

from pipeline.errors import (
    SourceUnreachable,
    TargetRefused,
    TargetUnreachable,
    UsageError,
    WorldEconomiesError,
)
from utils import disk_full_named, sha256_file

SCHEME = "s3://"
FOREIGN = ("s3:", "s3a:", "s3n:", "gs:", "abfs:", "abfss:", "hdfs:")  # how a path begins that is none
INPUT, STORAGE = "--input", "--storage"  # the options that take an address
BUFFER = 2 << 20  # bytes asked for at once: an answer takes its time, whatever its size
CONNECT, ANSWER = 5.0, 60.0  # seconds to connect, and without a byte of an answer; tried three times
SAFE = "every finished piece, and the databases as they were"
# What the store says when the same may be well in a moment; all else is its last word.
PASSING = re.compile(r"NETWORK_CONNECTION|SLOW_DOWN|THROTTLING|INTERNAL_FAILURE|SERVICE_UNAVAILABLE|REQUEST_TIMEOUT|"
                     r"HTTP status 5\d\d")


@dataclass(frozen=True)
class Far:
    """An object, or a folder of objects, of a store. key: "bucket/folder/name"; option: that named it."""

    key: str
    option: str = STORAGE

    def __str__(self) -> str:
        return SCHEME + self.key

    def __truediv__(self, name: str) -> Far:
        return Far(f"{self.key}/{name}", self.option)

    @property
    def name(self) -> str:
        """Its last part."""
        return self.key.rpartition("/")[2]

    @property
    def parent(self) -> Far:
        """The folder it is in."""
        return Far(self.key.rpartition("/")[0], self.option)

    def resolve(self) -> Far:
        """Return itself: an address has no other form."""
        return self

    def open(self, _mode: str = "rb", most: int = BUFFER) -> BinaryIO:
        """Open it for reading, at any place; most: bytes asked for at once. Raises FileNotFoundError, and what
        _failure() names.
        """
        return io.BufferedReader(_Stream(self), max(min(most, BUFFER), 1))

    def read_bytes(self) -> bytes:
        """Return all of it. Raises FileNotFoundError, and what _failure() names."""
        with _in_words(self), _store().open_input_file(self.key) as stream:
            return bytes(stream.read())

    def is_file(self) -> bool:
        """Tell whether there is an object of this name."""
        with _in_words(self):
            return bool(_store().get_file_info(self.key).is_file)

    def is_dir(self) -> bool:
        """Tell whether there is a folder, or a bucket, of this name."""
        with _in_words(self):
            return str(_store().get_file_info(self.key).type.name) == "Directory"

    def unlink(self, *, missing_ok: bool = False) -> None:
        """Remove it. Raises FileNotFoundError."""
        with contextlib.suppress(*([FileNotFoundError] if missing_ok else [])), _in_words(self):
            _store().delete_file(self.key)


Place = Path | Far


# --- what is typed ------------------------------------------------------------------------------------------------


def is_far(text: str) -> bool:
    """Tell whether a text is an address of an object store."""
    return text.startswith(SCHEME)


def place(first: str, *more: str, option: str = STORAGE) -> Place:
    """Return the place that texts name one after another."""
    if is_far(first):
        return Far("/".join([first.removeprefix(SCHEME), *more]), option)
    return Path(first, *more)


def _checked(text: str, least: int, example: str) -> str:
    """Return an address without a slash at its end. Raises ArgumentTypeError; least: parts it must have."""
    parts = text.removeprefix(SCHEME).rstrip("/").split("/")
    if len(parts) < least or not re.fullmatch(r"[a-z0-9][a-z0-9.-]{2,62}", parts[0]) or {"", ".", ".."} & {*parts}:
        raise argparse.ArgumentTypeError(f"{text!r} is no address such as {example}")
    return SCHEME + "/".join(parts)


def input_place(text: str) -> Place:
    """Read what --input names: a file, or s3://BUCKET/KEY."""
    return place(_checked(text, 2, "s3://bucket/table.csv"), option=INPUT) if is_far(text) else Path(text)


def storage_address(text: str) -> str:
    """Read what --storage names: s3://BUCKET/PREFIX, or nothing."""
    if text and not is_far(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no s3://BUCKET/PREFIX; --workspace takes a folder")
    return text and _checked(text, 2, "s3://bucket/prefix")


def refuse_far(path: Path, option: str) -> None:
    """Refuse what is the address of an object store, taken for a path. Raises UsageError."""
    if scheme := next((part for part in path.parts if part in FOREIGN), ""):
        takes = {INPUT: "files and addresses of s3://", "--workspace": "a folder of this machine"}[option]
        advice = {INPUT: "mount the store, or copy the table", "--workspace": "--storage s3://bucket/prefix, of "
                  "--target regions, keeps what the machines of a cluster share"}[option]
        raise UsageError(f"{option} takes {takes}; {scheme}// is none", safe="nothing was read or changed",
                         next_command=advice)


# --- the store ----------------------------------------------------------------------------------------------------


@cache
def _store() -> Any:
    """Return the store of this process."""
    from pyarrow.fs import S3FileSystem

    # pyarrow reads region and credentials as every program of its kind, but this only from its own arguments.
    at = endpoint()
    where = {"scheme": at.scheme, "endpoint_override": at.netloc} if at.netloc else {}
    return S3FileSystem(**where, allow_delayed_open=True, connect_timeout=CONNECT, request_timeout=ANSWER)


def endpoint() -> Any:
    """Return the address of a store that is not Amazon's, split; all parts empty without one."""
    return urlsplit(os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", ""))


def environment_of_stores() -> dict[str, str]:
    """Return the variables by which a process finds a store and is let in."""
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}


@contextlib.contextmanager
def _in_words(far: Far) -> Iterator[None]:
    """Turn what the store answers into an error of ours; that there is no such object stays what it is."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _failure(far, str(error)) from error


def _failure(far: Far, message: str) -> WorldEconomiesError:
    """Return what a message of the store means. An input is the user's file, a storage the target of the work."""
    found = re.search(r"AWS Error (\w+(?: \(HTTP status \d+\))?) during (\w+)", message)
    said = " ".join(found.groups()) if found else message[:200]
    at = endpoint().hostname or "the object store"
    if PASSING.search(said):
        detail = re.search(r"curlCode: \d+, ([^;]+)", message)
        what = f"{at} does not answer ({detail[1] if detail else said})"
        kind = SourceUnreachable if far.option == INPUT else TargetUnreachable
        return kind(what, where=str(far), safe=SAFE, next_command="the same command when it is up goes on")
    if "NO_SUCH_BUCKET" in said:
        return _no_bucket(far)
    what = f"{far.option} {far} is refused by {at}: {said}"
    refused = UsageError if far.option == INPUT else TargetRefused
    return refused(what, where=str(far), safe=SAFE, next_command="the same command with AWS_PROFILE, or with "
                   "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_DEFAULT_REGION, of somebody who may")


def _no_bucket(far: Far) -> UsageError:
    return UsageError(f"{far.option} {far} is in no bucket that there is", where=str(far), safe=SAFE,
                      next_command="make the bucket, or mend its name")


def require_bucket(far: Far) -> None:
    """See that the bucket is there. Raises UsageError."""
    with _in_words(far):
        found = _store().get_file_info(far.key.partition("/")[0])
    if found.type.name != "Directory":
        raise _no_bucket(far)


class _Stream(io.RawIOBase):
    """The bytes of an object, at any place."""

    def __init__(self, far: Far) -> None:
        self._far = far
        with _in_words(far):
            self._file = _store().open_input_file(far.key)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with _in_words(self._far):
            return int(self._file.readinto(buffer))

    def seek(self, offset: int, whence: int = 0) -> int:
        self._file.seek(offset, whence)
        return int(self._file.tell())

    def tell(self) -> int:
        return int(self._file.tell())

    def close(self) -> None:
        self._file.close()
        super().close()


# --- reading, writing, removing -----------------------------------------------------------------------------------


def stamp(where: Place) -> tuple[int, ...]:
    """Return size in bytes, time of change in nanoseconds, and of an object a number made of its ETag: a time in
    seconds alone would not tell two writings of one second apart. Raises FileNotFoundError, OSError.
    """
    if isinstance(where, Path):
        found = where.stat()
        return found.st_size, found.st_mtime_ns
    with _in_words(where), _store().open_input_stream(where.key) as stream:
        told = stream.metadata()
    if not {"Last-Modified", "Content-Length", "ETag"} <= {*told}:
        raise _failure(where, "an answer that is none of a store's: a proxy or a sign-in page may be on the way")
    changed = datetime.fromisoformat(told["Last-Modified"].decode())
    return int(told["Content-Length"]), int(changed.timestamp()) * 10**9, int.from_bytes(told["ETag"])


def sha256_of(where: Place) -> str:
    """Return the sha256 of a file, 64 hexadecimal digits."""
    if isinstance(where, Path):
        return sha256_file(where)
    digest = hashlib.sha256()
    with where.open() as stream:
        while block := stream.read(BUFFER):
            digest.update(block)
    return digest.hexdigest()


def size_of(where: Place) -> int:
    """Return the size of a file in bytes, -1 where there is none."""
    if isinstance(where, Path):
        return where.stat().st_size if where.is_file() else -1
    with _in_words(where):
        found = _store().get_file_info(where.key)
    return int(found.size) if found.is_file else -1


@contextlib.contextmanager
def random_access(where: Place) -> Iterator[Any]:
    """Open a file for pyarrow, which reads the parts of it that it needs."""
    import pyarrow

    if isinstance(where, Path):
        with pyarrow.OSFile(str(where)) as stream:
            yield stream
    else:
        with _in_words(where), _store().open_input_file(where.key) as stream:
            yield stream


@contextlib.contextmanager
def uploaded(far: Far) -> Iterator[IO[bytes]]:
    """Write an object, first on this machine. Raises DiskFull, and what _failure() names."""
    with disk_full_named(Path(tempfile.gettempdir())), tempfile.TemporaryFile() as stream:
        yield stream
        stream.flush()
        # One call: what is closed between two of them, by an error or a signal, would be an object of half the bytes.
        with (_in_words(far), mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as whole,
              _store().open_output_stream(far.key) as target):
            target.write(whole)


def children(folder: Place) -> dict[str, int]:
    """Return name -> size in bytes of what a folder holds, of folders -1; nothing for a folder that is not there."""
    if isinstance(folder, Path):
        found = folder.iterdir() if folder.is_dir() else ()
        return {each.name: size_of(each) for each in found}
    from pyarrow.fs import FileSelector

    with _in_words(folder):
        return {each.base_name: each.size if each.is_file else -1
                for each in _store().get_file_info(FileSelector(folder.key, allow_not_found=True))}


def remove_folder(folder: Place) -> None:
    """Remove a folder with all that is in it; none is no error."""
    if isinstance(folder, Path):
        shutil.rmtree(folder, ignore_errors=True)
        return
    with contextlib.suppress(FileNotFoundError), _in_words(folder):
        _store().delete_dir(folder.key)
