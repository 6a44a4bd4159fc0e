"""Running the project's scripts as a user does: as processes of their own, in a workspace of the test's."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
CAPTURES = PROJECT.parent / "shared" / "captures"  # real answers, not in the repository


def run(script: str, *arguments: object, workspace: Path, env: dict[str, str] | None = None,
        project: Path = PROJECT, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run `python SCRIPT --workspace WORKSPACE ARGUMENTS…` to its end; stdout and stderr as text."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WORLD_ECONOMIES_")}
    environment |= {"PYTHONWARNINGS": "error", "PYTHONIOENCODING": "utf-8", **(env or {})}
    return subprocess.run(
        [sys.executable, str(project / script), "--workspace", str(workspace), *map(str, arguments)],
        capture_output=True, encoding="utf-8", env=environment, timeout=timeout, stdin=subprocess.DEVNULL, check=False)


def sql(workspace: Path, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Return the rows of a query on the workspace's database."""
    with closing(sqlite3.connect(workspace / "sqliteDB" / "World_Economies.db")) as connection:
        return connection.execute(query, parameters).fetchall()


def manifest(workspace: Path, stage: str) -> dict[str, Any]:
    """Return the manifest of a stage of the current run."""
    runs = workspace / "results" / "runs"
    content: dict[str, Any] = json.loads((runs / (runs / "current").read_text().strip() / f"{stage}.json").read_text())
    return content
