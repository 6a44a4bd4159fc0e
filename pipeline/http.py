"""The one HTTP session of the project. (interface first; see docs/sources.md)"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.documents import RawDocument


class Http:
    """Interface only, so that sources can be written against it."""

    def get(self, url: str, *, kind: str, params: Mapping[str, str] | None = None,
            headers: Mapping[str, str] | None = None, expect: str = "",
            parameters: Mapping[str, str] | None = None) -> RawDocument:
        """Return the answer, as fetched or, where the source says "not modified", as archived."""
        raise NotImplementedError
