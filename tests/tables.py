"""What the tests of sources.table share: files written for the purpose, and the batches read from them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rules.indicators import DEFAULT
from rules.records import StagedRecord
from sources import Request, VintageBatch
from sources.table import Source

CSV = 'country,year,gdp_usd_billion\nFrance,2023,"3,051.83"\nFiji,2023,5.44\nFiji,2024,n/a\n'
FIGURES = [("France", "2023", "3,051.83"), ("Fiji", "2023", "5.44"), ("Fiji", "2024", "n/a")]
DAY = 1_700_000_000  # 2023-11-14
ALL = ("all",)


def batches(*paths: Path, indicators: tuple[str, ...] = DEFAULT, **options: Any) -> list[VintageBatch]:
    """Return what the source reads from these files, rows not consumed yet."""
    source = Source()
    made = Request("table", paths, indicators=indicators, **options)
    return list(source.parse(list(source.fetch(made, None))))  # type: ignore[arg-type]


def consumed(batch: VintageBatch) -> list[StagedRecord]:
    """Return a batch's rows; its balance must hold."""
    rows = list(batch.rows)
    assert batch.rows_read == len(rows) + sum(batch.set_aside.values()) + len(batch.quarantined)
    return rows


def read(path: Path, **options: Any) -> tuple[VintageBatch, list[StagedRecord]]:
    """Return the one batch of a file, and its rows."""
    (batch,) = batches(path, **options)
    return batch, consumed(batch)


def save(folder: Path, content: str | bytes, name: str = "figures.csv") -> Path:
    """Write a file of 14 November 2023."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    os.utime(path, (DAY, DAY))
    return path


def parquet(path: Path, rows: int = 3, **columns: Any) -> Path:
    """Write a Parquet file in row groups of so many rows."""
    pq.write_table(pa.table(columns), path, row_group_size=rows)
    return path
