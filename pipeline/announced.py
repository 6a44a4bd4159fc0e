"""Whether an answer is as long as it says: one that announces too few bytes is cut, and no cut line shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests


class Watched:
    """The stream of an answer, which looks at its end whether more has come than was announced.

    Who counts letters for bytes announces too few, and a table is cut within its last figure, in silence. What comes
    later is not waited for. It knows inner parts of two libraries, and where they change it sees nothing.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.more = False

    @classmethod
    def over(cls, response: requests.Response) -> Watched:
        """Put one in the place of the stream of an answer that is not read yet."""
        inner = getattr(response.raw, "_fp", None)
        watched = cls(getattr(inner, "fp", None))
        if inner is not None and watched._stream is not None:
            inner.fp = watched
        return watched

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def close(self) -> None:
        """Look, and close it."""
        wire = getattr(getattr(self._stream, "raw", None), "_sock", None)
        try:
            if wire is not None:
                before = wire.gettimeout()
                wire.settimeout(0)
                try:
                    self.more = bool(self._stream.peek(1).strip(b"\r\n"))  # old servers end with an empty line
                finally:
                    wire.settimeout(before)
        except (OSError, ValueError):
            self.more = False
        self._stream.close()
