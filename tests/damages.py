"""What can become of a file that a run left, and which kinds of files there are in a workspace of the small table."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tests.orchestra import write_table


def flipped(path: Path) -> None:
    """Change one bit in the middle; of an empty file there is none."""
    data = bytearray(path.read_bytes())
    if data:
        data[len(data) // 2] ^= 1
        path.write_bytes(bytes(data))


def cut(path: Path) -> None:
    """Take the second half away."""
    path.write_bytes(path.read_bytes()[:path.stat().st_size // 2])


def emptied(path: Path) -> None:
    """Leave the name and nothing else."""
    path.write_bytes(b"")


def empty_folder(path: Path) -> None:
    """Put an empty folder in the file's place."""
    path.unlink()
    path.mkdir()


def full_folder(path: Path) -> None:
    """Put a folder in the file's place in which somebody keeps something."""
    empty_folder(path)
    (path / "kept.txt").write_text("mine", encoding="utf-8")


def dangling(path: Path) -> None:
    """Put a link to nowhere in the file's place."""
    path.unlink()
    path.symlink_to(path.with_name("nowhere"))


def circular(path: Path) -> None:
    """Put a link to itself in the file's place."""
    path.unlink()
    path.symlink_to(path.name)


def fifo(path: Path) -> None:
    """Put a pipe in the file's place: who opens it to read waits for ever."""
    path.unlink()
    os.mkfifo(path)


DAMAGES: dict[str, Callable[[Path], None]] = {
    each.__name__: each for each in (flipped, cut, emptied, empty_folder, full_folder, dangling, circular, fifo)}

KINDS = {
    "staged": "results/staged/*/*/part-*.csv", "clean": "results/clean/*/*/part-*.csv",
    "quarantine": "results/quarantine/*/*/*.csv", "raw picture": "results/Countries_by_GDP.json",
    "clean picture": "results/Countries_by_GDP_Processed.json", "extract": "results/runs/*/extract.json",
    "transform": "results/runs/*/transform.json", "batch": "results/runs/*/transform--*.json",
    "load": "results/runs/*/load.json", "report": "results/runs/*/report.json", "current": "results/runs/current",
    "archive record": "results/archive/*.json", "archived bytes": "results/archive/bodies/*/*",
    "page": "results/report.html", "picture csv": "results/Countries_by_GDP.csv",
    "history csv": "results/GDP_history.csv", "package": "results/datapackage.json", "last run": "log/last_run.json",
}


def file_of(workspace: Path, kind: str) -> Path:
    """Return the first file of a kind."""
    return sorted(workspace.glob(KINDS[kind]))[0]


def table_with_unknown(path: Path) -> Path:
    """Write the small table with one name that nobody knows, so that there is something in quarantine."""
    table = write_table(path)
    with table.open("a", encoding="utf-8") as stream:
        stream.write("QQQ,2024,5.0,2024-10\n")
    return table
