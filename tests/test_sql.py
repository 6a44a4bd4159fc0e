"""Every file of sql/ is used: a query that nobody asks any more would be kept up for nothing."""

from __future__ import annotations

import re

import pytest

from tests.project import PROJECT

CODE = [*PROJECT.glob("*.py"), *(path for folder in ("questions", "reports", "targets", "pipeline", "large", "explore")
                                 for path in (PROJECT / folder).rglob("*.py"))]


@pytest.mark.parametrize("folder", ["queries", "statements", "regions"])
def test_every_file_is_named_in_the_code(folder: str) -> None:
    named = set(re.findall(r'"([a-z_]+)"', "".join(path.read_text(encoding="utf-8") for path in CODE)))
    files = {path.stem for path in (PROJECT / "sql" / folder).glob("*.sql")}
    assert len(files) > 10
    assert files - named == set()
