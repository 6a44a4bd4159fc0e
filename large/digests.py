"""The digest of a large file: of its blocks' digests, so that several processes can make it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

BLOCK = 8 << 20  # bytes


def digest_of_blocks(digests: Iterable[str]) -> str:
    """Return the digest of a file whose blocks of BLOCK bytes have these sha256."""
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()


def digest_of(path: Path) -> str:
    """Return the digest of a file, read here and now."""
    def blocks() -> Iterable[str]:
        with path.open("rb") as stream:
            block = stream.read(BLOCK)
            yield hashlib.sha256(block).hexdigest()  # an empty file has one
            while block := stream.read(BLOCK):
                yield hashlib.sha256(block).hexdigest()

    return digest_of_blocks(blocks())
