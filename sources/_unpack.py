"""Open a document for streaming, unpacked where it is gzip or Zstandard, whatever its name says."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO

from pipeline.documents import RawDocument
from pipeline.errors import SourceNonsense, UsageError

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ZSTD_STEP = 2048  # packed bytes at a time: unpacks to at most about 64 MB, whatever the file claims
BUFFER = 1 << 18


def open_binary(document: RawDocument) -> BinaryIO:
    """Return the document's own bytes as a stream."""
    if document.far is not None:
        return document.far.open()
    if document.path is not None:
        return document.path.open("rb")
    return io.BytesIO(document.body)


def is_packed(document: RawDocument) -> bool:
    """Tell whether the document's own bytes are gzip or Zstandard."""
    with open_binary(document) as stream:
        return stream.read(4).startswith((GZIP_MAGIC, ZSTD_MAGIC))


def open_unpacked(document: RawDocument, name: str) -> BinaryIO:
    """Return the document's bytes, unpacked, as a stream that raises SourceNonsense where they are cut or damaged.

    Raises UsageError where the file is Zstandard and that library is missing.
    """
    stream = open_binary(document)
    magic = stream.read(4)
    stream.seek(0)
    if magic.startswith(GZIP_MAGIC):
        return io.BufferedReader(_Checked(stream, gzip.GzipFile(fileobj=stream).read, name, "gzip"), BUFFER)
    if magic == ZSTD_MAGIC:
        return io.BufferedReader(_Checked(stream, _zstd(stream, name), name, "Zstandard"), BUFFER)
    for ending, form in ((".gz", "gzip"), (".zst", "Zstandard")):
        if name.lower().endswith(ending):
            stream.close()
            raise SourceNonsense(f"{name} is named {ending}, but is not packed with {form}", where=name,
                                 safe="nothing was changed", next_command=f"file {name}   # says what it is")
    return stream


class _Checked(io.RawIOBase):
    """A stream of unpacked bytes in which damage is a SourceNonsense that says how far it was good."""

    def __init__(self, packed: BinaryIO, read: Callable[[int], bytes], name: str, form: str) -> None:
        self._packed, self._read, self._name, self._form = packed, read, name, form
        self._good = 0

    def readable(self) -> bool:
        """Return True, as io asks for."""
        return True

    def close(self) -> None:
        """Close the packed stream too."""
        self._packed.close()
        super().close()

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer from its start; returns how many bytes, 0 at the end. Raises SourceNonsense for damage."""
        try:
            data = self._read(len(buffer))
        except (OSError, EOFError, zlib.error, ValueError) as error:
            raise SourceNonsense(f"{self._name} is damaged or cut: after {self._good:,} good bytes its {self._form} "
                                 f"packing cannot be read ({error})", where=self._name, safe="nothing was changed",
                                 next_command=f"download {self._name} again") from error
        buffer[: len(data)] = data
        self._good += len(data)
        return len(data)


def _zstd(stream: BinaryIO, name: str) -> Callable[[int], bytes]:
    """Return a read function over all frames of a Zstandard file; raises EOFError for a file that is cut.

    Not the library's own stream_reader: that one takes a cut file for a complete one.
    """
    try:
        import zstandard
    except ImportError as error:
        stream.close()
        raise UsageError(f"{name} is packed with Zstandard, and zstandard, which unpacks it, is not installed",
                         where=name, safe="nothing was read or changed",
                         next_command="python -m pip install -c constraints.txt '.[zstd]'") from error
    waiting = bytearray()
    frame = zstandard.ZstdDecompressor().decompressobj()
    fresh = True  # between frames

    def more() -> bool:
        nonlocal frame, fresh
        packed = frame.unused_data if frame.eof else b""
        if frame.eof:
            frame, fresh = zstandard.ZstdDecompressor().decompressobj(), True
        packed = packed or stream.read(ZSTD_STEP)
        if not packed:
            if not fresh:
                raise EOFError("the file ends in the middle of a frame")
            return False
        try:
            waiting.extend(frame.decompress(packed))
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from error
        fresh = False
        return True

    def read(size: int) -> bytes:
        while not waiting and more():
            pass
        data = bytes(waiting[:size])
        del waiting[:size]
        return data

    return read
