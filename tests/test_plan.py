"""pipeline.plan: a stage's checkpoint is stale when code that made it changes, all of that code."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from pipeline import plan
from utils import PROJECT


def imported(file: Path) -> set[Path]:
    """Return the files of the project that a file imports, at its head or inside a function."""
    names: list[str] = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{each.name}" for each in node.names)]
    places = [PROJECT / name.replace(".", "/") for name in names]
    return {found for place in places for found in (place.with_suffix(".py"), place / "__init__.py") if found.is_file()}


def reached(file: Path) -> set[str]:
    """Return the files of the project without which a file does not work, relative to it."""
    found, waiting = set[Path](), {PROJECT / file}
    while waiting:
        found |= waiting
        waiting = {each for file in waiting for each in imported(file)} - found
    return {each.relative_to(PROJECT).as_posix() for each in found}


@pytest.mark.parametrize("task", ["cut", "read", "serial", "seen"])
def test_what_stages_a_large_table_is_code_of_extract(task: str) -> None:
    files = reached(Path("large", f"{task}.py"))
    assert "rules/records.py" in files  # what it finds reaches far
    ours = tuple(each if each.endswith(".py") else f"{each}/" for each in plan._CODE["extract"])
    assert {file for file in files if not file.startswith(ours)} == set()
