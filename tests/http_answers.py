"""What the tests of pipeline.http share."""

from __future__ import annotations

from collections.abc import Callable
from io import BufferedIOBase

import pytest

from pipeline.errors import SourceError
from pipeline.http import Http
from tests.server import Answer

JSON = b'{"NGDPD": {"KOR": 1869.71}}'
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"


def refused(http: Http, url: str, expect: str = "") -> SourceError:
    with pytest.raises(SourceError) as caught:
        http.get(url, kind="data", expect=expect)
    assert caught.value.safe == "nothing was stored; earlier results are as they were"
    return caught.value


def by_hand(*pieces: bytes, pause: Callable[[], object] = lambda: None) -> Answer:
    def write(stream: BufferedIOBase) -> None:
        for piece in pieces:
            stream.write(piece)
            stream.flush()
            pause()
    return Answer(by_hand=write)
