"""Posting the summary of a run, for chat rooms and monitors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pipeline.secrets import redact_text
from utils import VERSION


def post(url: str, content: Mapping[str, Any], timeout: float = 10.0) -> str:
    """Post JSON to the URL within `timeout` seconds; returns "" or why it did not work, without any secret of the URL.

    No secret leaves in the content either. A redirect is not followed: it would turn the post into an empty request.
    """
    from pipeline.transport import OverLimit, within

    host = _host(url)
    try:
        return within(timeout, lambda: _posted(url, host, content, timeout))
    except OverLimit:
        return f"{host} did not answer within {timeout:g} s"
    except (OSError, ValueError) as error:  # what requests raises is an OSError; certificates that are not there, too
        return f"{host}: {type(error).__name__}"


def _posted(url: str, host: str, content: Mapping[str, Any], timeout: float) -> str:
    from pipeline.transport import PlainSession

    body = redact_text(json.dumps(content, ensure_ascii=False, default=str)).encode("utf-8", "backslashreplace")
    headers = {"Content-Type": "application/json", "User-Agent": f"World-Economies/{VERSION}"}
    # What the receiver says beside its status is not read: it may be without end.
    with PlainSession() as session, session.post(url, data=body, timeout=timeout, allow_redirects=False, stream=True,
                                                 headers=headers) as answer:
        return "" if 200 <= answer.status_code < 300 else f"{host} answers {answer.status_code}"


def _host(url: str) -> str:
    """Return what a message calls the receiver: the path of such an address is often its secret."""
    try:
        return urlsplit(url).hostname or "the address"
    except ValueError:
        return "the address"
