"""Posting the summary of a run, for chat rooms and monitors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.secrets import redacted
from utils import VERSION


def post(url: str, content: Mapping[str, Any], timeout: float = 10.0) -> str:
    """Post JSON to the URL; returns "" or why it did not work, without any secret of the address."""
    import requests

    try:
        answer = requests.post(url, json=content, timeout=timeout, headers={"User-Agent": f"World-Economies/{VERSION}"})
    except (requests.RequestException, ValueError) as error:
        return f"{redacted(url)}: {type(error).__name__}"
    return "" if answer.ok else f"{redacted(url)} answers {answer.status_code}"
