"""Posting the summary of a run, for chat rooms and monitors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pipeline.secrets import redact_text
from utils import VERSION


def post(url: str, content: Mapping[str, Any], timeout: float = 10.0) -> str:
    """Post JSON to the URL; returns "" or why it did not work, without any secret of the address.

    No secret leaves in the content either. A redirect is not followed: it would turn the post into an empty request.
    """
    import requests

    host = urlsplit(url).hostname or "the address"  # the path of such an address is often its secret
    body = redact_text(json.dumps(content, ensure_ascii=False, default=str)).encode("utf-8", "backslashreplace")
    try:
        answer = requests.post(url, data=body, timeout=timeout, allow_redirects=False, headers={
            "Content-Type": "application/json", "User-Agent": f"World-Economies/{VERSION}"})
    except (requests.RequestException, ValueError) as error:
        return f"{host}: {type(error).__name__}"
    return "" if 200 <= answer.status_code < 300 else f"{host} answers {answer.status_code}"
