"""What the machine can do at best: the disk by itself, and ready rows into SQLite by ADBC and by a C program.

A step of a run is compared with these. The C program is compiled here, and left out (said so) where there is no
compiler or no sqlite3.h.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from bench.large.generate import CHUNK, Table, table

SOURCE = Path(__file__).with_name("insert.c")
MOST = 5_000_000  # rows for SQLite, half of them a database
ROW = np.dtype([("billion", "f8"), ("published", "f8"), ("record", "i8"), ("country", "i4"), ("year", "i4")])


def measured(path: Path, work: Path) -> Iterator[dict[str, Any]]:
    """Yield each limit: bytes or rows, and seconds. path: a table; work: a folder on the disk that is measured."""
    size = path.stat().st_size
    with tempfile.TemporaryDirectory(dir=work) as name:
        folder = Path(name)
        yield {"what": "read the table from the page cache", "bytes": size, "seconds": timed(lambda: read(path))}
        yield {"what": "write as many bytes and flush them", "bytes": size,
               "seconds": timed(lambda: write(folder / "zeros", size))}
        (folder / "zeros").unlink()
        with path.open("rb") as stream:
            lines = sum(block.count(b"\n") for block in iter(lambda: stream.read(1 << 24), b"")) - 1
        halves = [rows_of(min(lines, MOST) // 2, seed) for seed in (1, 2)]
        yield from into_sqlite(halves, folder)


def timed(work: Callable[[], object]) -> float:
    """Return the seconds it takes."""
    begun = time.perf_counter()
    work()
    return round(time.perf_counter() - begun, 3)


def read(path: Path) -> None:
    """Read a file and do nothing with it."""
    with path.open("rb", buffering=0) as stream:
        while stream.read(1 << 20):
            pass


def write(path: Path, size: int) -> None:
    """Write so many bytes that no disk can leave out, and flush them."""
    block = os.urandom(1 << 23)
    with path.open("wb", buffering=0) as stream:
        for _ in range(size // len(block) + 1):
            stream.write(block)
        os.fsync(stream.fileno())


def names() -> list[str]:
    """Return a name for each number that a row may have as its country."""
    return [each["name"] for each in table()["countries"]]


def rows_of(count: int, seed: int) -> np.ndarray:
    """Return rows as they go into a database: GDP descending."""
    made = Table(count, seed)
    rows = np.empty(count, dtype=ROW)
    for first in range(0, count, CHUNK):
        last = min(first + CHUNK, count)
        spelling, year, record, millions, _ = made.chunk(first, last)
        rows["country"][first:last], rows["year"][first:last] = spelling % len(names()), year
        rows["record"][first:last], rows["published"][first:last] = record, millions / 1000
        rows["billion"][first:last] = (millions + 5) // 10 / 100
    return rows[np.argsort(-rows["published"])]


def into_sqlite(halves: list[np.ndarray], folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the seconds for all rows, two databases at once: by ADBC, and by the C program."""
    sys.path.insert(0, str(Path(__file__).with_name("peers")))
    import pyarrow as pa
    from _common import COLUMNS, write_region  # type: ignore[import-not-found]

    def arrow(half: np.ndarray) -> pa.RecordBatchReader:
        country = pa.DictionaryArray.from_arrays(pa.array(half["country"]), pa.array(names()))
        rest = (pa.array(np.ascontiguousarray(half[name])) for name in ("billion", "published", "year", "record"))
        made = pa.table([country, *rest], names=list(COLUMNS))
        return pa.RecordBatchReader.from_batches(made.schema, made.to_batches(65_536))

    ready, count = [arrow(half) for half in halves], sum(map(len, halves))
    with ThreadPoolExecutor(2) as pool:
        yield {"what": "ADBC into two databases at once, indexed and flushed", "records": count, "seconds": timed(
            lambda: list(pool.map(write_region, [folder] * 2, ("Africa", "Asia"), ready)))}
    if not (program := compiled(folder)):
        yield {"what": "a C program into two databases at once, indexed and flushed", "records": count, "seconds": None,
               "why": "no compiler or no sqlite3.h here"}
        return
    (folder / "names").write_text("\n".join(names()) + "\n", encoding="utf-8")
    for at, half in enumerate(halves):
        half.tofile(folder / f"rows{at}")
    yield {"what": "a C program into two databases at once, indexed and flushed", "records": count,
           "seconds": timed(lambda: by_program(program, folder))}


def compiled(folder: Path) -> Path | None:
    """Return the C program, None where it cannot be made."""
    compiler = shutil.which("cc")
    program = folder / "insert"
    command = [str(compiler), "-O2", "-o", str(program), str(SOURCE), "-lsqlite3"]
    if not compiler or subprocess.run(command, capture_output=True, check=False).returncode:
        return None
    return program


def by_program(program: Path, folder: Path) -> None:
    """Let the C program write two databases at once, and flush them."""
    started = [subprocess.Popen([str(program), *(str(folder / name) for name in (f"{at}.db", f"rows{at}", "names"))])
               for at in range(2)]
    codes = [process.wait() for process in started]
    if any(codes):
        raise RuntimeError("the C program has failed")
    for at in range(2):
        with (folder / f"{at}.db").open("rb") as stream:
            os.fsync(stream.fileno())
