"""Two threads against two processes of one thread: Polars reads and cleans the same table, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.large.generate import names_of
from bench.large.runners import PEERS, environment

# Reads bytes [first, last) of a table, the header with the first of them, and cleans them; prints the rows that stay.
PART = """
import io, sys
from pathlib import Path
sys.path.insert(0, {peers!r})
from polars_ import KEPT, cleaned, countries
source = Path({table!r})
if {last}:
    with open(source, "rb") as stream:
        stream.seek({first})
        source = io.BytesIO(stream.read({last} - {first}))
_, names = countries(Path({names!r}))
print(cleaned(source, names, header={first} == 0)["fate"].eq(KEPT).sum())
"""


def cut(table: Path) -> int:
    """Return the end of the line in the middle of a table."""
    with table.open("rb") as stream:
        stream.seek(table.stat().st_size // 2)
        stream.readline()
        return stream.tell()


def measured(table: Path, work: Path) -> Iterator[dict[str, Any]]:
    """Yield seconds of one process with one thread and with two, and of two processes with one."""
    middle, size = cut(table), table.stat().st_size
    for name, threads, spans in (("one process, one thread", 1, [(0, 0)]), ("one process, two threads", 2, [(0, 0)]),
                                 ("two processes, one thread each", 1, [(0, middle), (middle, size)])):
        begun = time.perf_counter()
        rows = run(table, threads, spans)
        yield {"what": name, "seconds": round(time.perf_counter() - begun, 3), "rows_kept": rows}


def run(table: Path, threads: int, spans: list[tuple[int, int]]) -> int:
    """Run a process for each span of bytes and return the rows that stay. Raises RuntimeError for one that fails."""
    around = {**environment(), "POLARS_MAX_THREADS": str(threads)}
    with tempfile.TemporaryDirectory() as folder:
        started = []
        for first, last in spans:
            text = PART.format(peers=str(PEERS), first=first, last=last, table=str(table), names=str(names_of(table)))
            path = Path(folder) / f"{first}.py"
            path.write_text(text, encoding="utf-8")
            started.append(subprocess.Popen([sys.executable, str(path)], env=around, stdout=subprocess.PIPE, text=True))
        told = [process.communicate()[0] for process in started]
    if any(process.returncode for process in started):
        raise RuntimeError("a process that reads and cleans has failed")
    return sum(map(int, told))
