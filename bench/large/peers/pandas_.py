"""pandas: the whole file through the reader of pyarrow, names as categories, the last of a packed key, numpy's sort.

Tried and slower (README.md has the figures): the C reader, pieces of the file, drop_duplicates on three columns.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
from _common import REASONS, REGIONS, Job, finish, job, write_all

KEPT = len(REASONS)
TYPES = {"country": "category", "year": "int64", "record": "int64", "gdp_usd_million": pd.ArrowDtype(pa.string())}


def countries(work: Job) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the countries in the order of their names, and for each name the place of its country; -1 for a group."""
    names = pd.read_csv(work.names, keep_default_na=False)
    known = (names[names["aggregate"] == 0][["country", "region"]].drop_duplicates()
             .sort_values("country", ignore_index=True))
    place = {name: at for at, name in enumerate(known["country"])}
    ids = np.where(names["aggregate"] == 1, -1, names["country"].map(place).fillna(-1).astype("int64"))
    return known, dict(zip(names["name"], ids.tolist(), strict=True))


def cleaned(rows: pd.DataFrame, names: dict[str, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return for each row the place of its country, its millions, and its fate (of REASONS, KEPT for good ones)."""
    ids = np.array([names.get(name, -2) for name in rows["country"].cat.categories])[rows["country"].cat.codes]
    text = rows["gdp_usd_million"]
    good = text.str.isdecimal().fillna(False).to_numpy(dtype=bool)
    millions = text.where(good, "0").astype("int64[pyarrow]").to_numpy(dtype="int64")
    empty = (text.isna() | text.isin(["", "n/a"])).to_numpy(dtype=bool)
    return ids, millions, np.select([ids == -1, ids == -2, empty, ~good], [0, 1, 2, 3], KEPT).astype("uint8")


def main() -> None:
    """Do the work."""
    work = job()
    pa.set_cpu_count(work.workers)
    known, names = countries(work)
    with work.step("read"):
        rows = pd.read_csv(work.input, engine="pyarrow", dtype=TYPES, keep_default_na=False)
    with work.step("clean"):
        ids, millions, fate = cleaned(rows, names)
        fates = np.bincount(fate, minlength=KEPT + 1).tolist()
        frame = pd.DataFrame({"id": ids, "Year": rows["year"], "record": rows["record"], "millions": millions},
                             copy=False)[fate == KEPT]
        del rows, ids, millions
    with work.step("deduplicate"):
        key = (frame["id"] * 4096 + frame["Year"]) * 2**40 + frame["record"]
        frame = frame[~key.duplicated(keep="last")]
        del key
    region = known["region"].to_numpy()[frame["id"]]
    found = {name: frame[region == name] for name in REGIONS}
    sizes = {name: len(part) for name, part in found.items()}
    del frame
    with work.step("sort and write"):
        write_all(work, lambda name: table(found.pop(name), known["country"].to_numpy()), sizes)
    out = sum(sizes.values())
    lost = {reason: fates[at] for at, reason in enumerate(REASONS)} | {"duplicate": fates[KEPT] - out}
    finish(work, {"in": sum(fates), "out": out, **lost})


def table(part: pd.DataFrame, names: np.ndarray) -> pa.RecordBatchReader:
    """Return one region's table, sorted, as an Arrow stream."""
    part = part.iloc[np.argsort(-part["millions"].to_numpy())]
    millions = part["millions"].to_numpy()
    country = pa.DictionaryArray.from_arrays(
        pa.array(part["id"].to_numpy().astype("int32")), pa.array(names, pa.string()))
    columns = [country, (millions + 5) // 10 / 100, millions / 1000, part["Year"].to_numpy(), part["record"].to_numpy()]
    made = pa.table([*map(pa.array, columns)],
                    names=["Country", "GDP_USD_billion", "GDP_as_published", "Year", "record"])
    return pa.RecordBatchReader.from_batches(made.schema, made.to_batches(65_536))


if __name__ == "__main__":
    main()
