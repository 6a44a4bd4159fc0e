"""Dask: blocks of the CSV cleaned and parted by region in two threads, then a region at a time in each.

A key never crosses regions, so that each region can drop its own duplicates: a shuffle by key was slower. Blocks are
numbered in the file's order, and a region reads its parts in that order.
"""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
from _common import REASONS, REGIONS, finish, job, publish, write_region
from pandas_ import KEPT, cleaned, countries, table

TYPES = {"country": "category", "year": "int64", "record": "int64", "gdp_usd_million": pd.ArrowDtype(pa.string())}


def parted(rows: pd.DataFrame, number: int, names: dict[str, int], regions: np.ndarray, folder: Path) -> Counter[int]:
    """Clean a block and write its rows by region; return how many rows had each fate."""
    ids, millions, fate = cleaned(rows, names)
    good = fate == KEPT
    frame = pd.DataFrame({"id": ids, "Year": rows["year"].to_numpy(), "record": rows["record"].to_numpy(),
                          "millions": millions})[good]
    of = regions[frame["id"]]
    for at in range(len(REGIONS)):
        path = folder / str(at) / f"{number:06}.arrow"
        feather.write_feather(frame[of == at].reset_index(drop=True), path, compression="uncompressed")
    return Counter(dict(enumerate(np.bincount(fate, minlength=KEPT + 1).tolist())))


def regional(at: int, names: np.ndarray, folder: Path, output: Path) -> int:
    """Write the database of a region; return its rows."""
    frame = pd.concat([feather.read_feather(path) for path in sorted((folder / str(at)).iterdir())], ignore_index=True)
    key = (frame["id"] * 4096 + frame["Year"]) * 2**40 + frame["record"]
    frame = frame[~key.duplicated(keep="last")]
    write_region(output, REGIONS[at], table(frame, names))
    return len(frame)


def main() -> None:
    """Do the work."""
    work = job()
    pa.set_cpu_count(1)  # the threads are Dask's
    known, names = countries(work)
    country = known["country"].to_numpy()
    regions = known["region"].map({name: at for at, name in enumerate(REGIONS)}).to_numpy()
    folder = work.output / "parts"
    for at in range(len(REGIONS)):
        (folder / str(at)).mkdir(parents=True)
    with dask.config.set(scheduler="threads", num_workers=work.workers, **{"dataframe.convert-string": False}):
        with work.step("read and clean"):
            blocks = dd.read_csv(work.input, blocksize="32MB", dtype=TYPES, keep_default_na=False).to_delayed(
                optimize_graph=True)
            part = dask.delayed(parted, pure=False)
            told = dask.compute(*(part(block, at, names, regions, folder) for at, block in enumerate(blocks)))
        fates = sum(told, Counter())
        with work.step("deduplicate, sort and write"):
            write = dask.delayed(regional, pure=False)
            rows = dask.compute(*(write(at, country, folder, work.output) for at in range(len(REGIONS))))
            publish(work.output)
    shutil.rmtree(folder)
    lost = {reason: fates[at] for at, reason in enumerate(REASONS)} | {"duplicate": fates[KEPT] - sum(rows)}
    finish(work, {"in": fates.total(), "out": sum(rows), **lost})


if __name__ == "__main__":
    main()
