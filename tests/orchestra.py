"""What the tests of the orchestrator share: a small table of figures, runs of it, faults, and how results compare."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.project import PROJECT, run

FAULTS = Path(__file__).resolve().parent / "faults"
CODES = ("USA", "CHN", "JPN", "DEU", "IND", "GBR", "FRA", "ITA", "BRA", "CAN", "KOR", "AUS", "TUR", "NGA", "EGY", "ZAF",
         "KEN", "NZL", "ARG", "COL")
VOLATILE = {"run_id", "archive_id", "fetched_at", "loaded_at", "started_at", "Extracted_At",
            "run", "started", "committed"}


def write_table(path: Path, first: int = 900, vintages: tuple[str, ...] = ("2024-10", "2025-04")) -> Path:
    """Write 20 economies, two years, one or more vintages; `first` is the USA's GDP, each next is 10 less.

    Other figures than the first ones are a later printing, the later the larger they are.
    """
    printing = f"+2025-05-{(first - 700) // 10:02d}" if first != 900 else ""
    lines = ["country,year,value,vintage"]
    lines += [f"{code},{year},{first - 10 * at}.25,{vintage}{printing}"
              for vintage in vintages for at, code in enumerate(CODES) for year in (2024, 2025)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def table_options(table: Path) -> list[str]:
    """Return the options that make the table the source."""
    return ["--source", "table", "--input", str(table), "--unit", "billion"]


def etl(table: Path, workspace: Path, *more: str, fault: dict[str, str] | None = None,
        script: str = "etl_process.py", env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the whole on the table; fault: script, act, at for tests/faults/sitecustomize.py."""
    return run(script, *table_options(table), *more, workspace=workspace, env=environment(fault) | (env or {}))


def environment(fault: dict[str, str] | None) -> dict[str, str]:
    """Return the variables that bring a fault about, none without one."""
    if not fault:
        return {}
    return {"PYTHONPATH": str(FAULTS), **{f"FAULT_{name.upper()}": value for name, value in fault.items()}}


def launch(*arguments: str, env: dict[str, str] | None = None, script: Path = PROJECT / "etl_process.py",
           **keywords: Any) -> subprocess.Popen[str]:
    """Start the orchestrator and return at once."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WORLD_ECONOMIES_")}
    keywords = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, **keywords}
    return subprocess.Popen([sys.executable, str(script), *arguments], encoding="utf-8", **keywords,
                            env=clean | {"PYTHONWARNINGS": "error", "PYTHONIOENCODING": "utf-8", **(env or {})})


def content(workspace: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return every table and view of the database, what differs from run to run left out."""
    found = {}
    with closing(sqlite3.connect(f"{(workspace / 'sqliteDB/World_Economies.db').as_uri()}?mode=ro", uri=True)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') "
                                  "AND name NOT LIKE 'sqlite_%' ORDER BY name").fetchall():
            cursor = db.execute(f'SELECT * FROM "{name}"')
            kept = [at for at, column in enumerate(cursor.description) if column[0] not in VOLATILE]
            found[name] = sorted({tuple(row[at] for at in kept) for row in cursor}, key=repr)
    return found


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Return every file with its size and time of change, for "nothing was changed"."""
    return {str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
            for path in sorted(folder.rglob("*")) if path.is_file()}


def half_written(workspace: Path) -> list[str]:
    """Return the temporary files that lie about."""
    return [path.name for path in workspace.rglob(".*.tmp*")]


def eventually(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Return the condition's value as soon as it holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.01)
    raise AssertionError("it did not happen in time")


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that is dead and not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def children(pid: int) -> list[int]:
    """Return the processes that this one launched (Linux)."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def next_command(told: str) -> str:
    """Return the command that a failure ends with."""
    return told.strip().splitlines()[-1].strip().removeprefix("next:").strip()


def typed(command: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command as a person types it, in the project's folder."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WORLD_ECONOMIES_")}
    return subprocess.run(["sh", "-c", command], cwd=PROJECT, capture_output=True, encoding="utf-8", timeout=120,
                          env=clean | (env or {}), stdin=subprocess.DEVNULL, check=False)
