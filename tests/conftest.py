"""What all tests share: the project on the path, a real HTTP server on loopback, the captures where present."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
CAPTURES = PROJECT.parent / "shared" / "captures"
sys.path.insert(0, str(PROJECT))

from tests.server import Server  # noqa: E402  the path comes first


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def captures() -> Path:
    """The folder of real answers; tests that want it skip in a fresh clone."""
    if not CAPTURES.is_dir():
        pytest.skip("the captures of real answers are not beside this clone")
    return CAPTURES
