"""The raw document: what a source fetches, the archive keeps and a parser reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.storage import Far


@dataclass(frozen=True)
class RawDocument:
    """One answer or one file, as bytes: what is archived and what parse reads.

    kind:       the source's own word for its part: "data", "countries", "page".
    url:        where it came from, without any password; a file's own name for a local file.
    headers:    of the answer, names in lower case; empty for a file.
    fetched_at: ISO time, UTC ("2026-11-20T21:05:09Z").
    parameters: what parse must know beside the bytes ({"vintage": "2019-04", "indicators": "NGDPD,LP"}).
    path:       the file that holds the bytes, else `data` holds them.
    far:        the object of a store that holds the bytes of a large table.
    """

    kind: str
    url: str
    fetched_at: str
    headers: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    path: Path | None = None
    data: bytes | None = None
    far: Far | None = None

    @property
    def size(self) -> int:
        """Bytes of the document, without reading them; 0 for what is in an object store. Raises OSError."""
        if self.data is not None:
            return len(self.data)
        return self.path.stat().st_size if self.path is not None else 0

    @property
    def body(self) -> bytes:
        """The whole document; for a file that may be large, open `path` instead. Raises ValueError without either."""
        if self.data is not None:
            return self.data
        if self.path is None:
            raise ValueError("a RawDocument needs a path or data")
        return self.path.read_bytes()
