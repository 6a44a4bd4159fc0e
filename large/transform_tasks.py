"""Tasks of transform: clean a piece, keep the last row of each key of a partition, sort a range.

Rows go by a hash of their key first and by (region, GDP, key) second: duplicates are decided before rows of one key
part by their figures. Equal figures part by their keys, so that a range can be cut inside one value.
"""

from __future__ import annotations

import bisect
import json
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow

from engines import open_table_engine
from engines._arrow import array_of, array_of_texts, numbers_of, rows_of
from engines._table import Cleaner
from large.model import MOST_CENTS, Economies, TablePlan
from large.pieces import checkpointed, quarantined, read_table, write_batches
from pipeline.countries import load_identity
from pipeline.storage import place, random_access
from rules.identity import REGIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAMPLED_TEXT = 64  # characters of a text that are sampled: a megabyte of it would tell no more
SAMPLED_COLUMNS = 16  # dimensions that tell where ranges begin: a sample of a thousand columns would fill the memory
Boundary = Sequence[Any]  # (region,) where a region begins, else (region, cents, country, year, some further …)


def clean_piece(root: str, folder: str, quarantine: str, number: int, piece: dict[str, Any], plan: dict[str, Any],
                engine: str, partitions: int, every: int, identity: str) -> dict[str, Any]:
    """Clean a staged piece and part its rows by a hash of their key: batch n of the file is of partition n.

    The last batch is a sample of the rows, one of `every`. Returns the balance, rows of each partition, bytes of a row.
    """
    meaning = TablePlan.of(plan)

    def make() -> dict[str, Any]:
        staged = read_table(place(root, piece["part"]), piece["sha256"], "extract")
        cleaned = _cleaner(engine, json.dumps(plan), piece["file"]).clean(staged, piece["first_line"])
        del staged
        left = quarantined(root, f"{quarantine}/{number:06d}", "transform", cleaned.quarantined)
        table = cleaned.table
        sample = sample_of(table, number % every, every)
        parted, counts = grouped(table, partition_of(table, meaning.key, partitions), partitions)
        files = write_batches(place(root, folder, f"{number:06d}.arrow"), table.schema, [*parted, one_batch(sample)])
        return {"files": files, "balance": dict(cleaned.balance), "rows": counts, "quarantine": left,
                "unknown": list(cleaned.unknown), "long": cleaned.long,
                "strangers": left["rules"].get("identity", 0), "bytes_held": table.nbytes}

    return checkpointed(place(root, folder, f"{number:06d}.json"), identity, make)


def sample_of(table: pyarrow.Table, first: int, every: int) -> pyarrow.Table:
    """Return one of `every` rows, their texts cut short: these sort as the whole ones do, or tie."""
    import pyarrow.compute as pc

    sample = rows_of(table, np.arange(first, table.num_rows, every))
    for at, field in enumerate(sample.schema):
        if field.type == pyarrow.large_string():
            sample = sample.set_column(at, field.name, pc.utf8_slice_codeunits(sample[field.name], 0, SAMPLED_TEXT))
    return sample


def partition_of(table: pyarrow.Table, key: Sequence[str], partitions: int) -> NDArray[np.uint16]:
    """Return for each row the partition its key belongs to."""
    if partitions == 1:
        return np.zeros(table.num_rows, dtype=np.uint16)
    import polars

    frame = polars.from_arrow(table.select(list(key)))
    assert isinstance(frame, polars.DataFrame)
    hashes = frame.hash_rows(20261120).to_numpy()
    return ((hashes >> np.uint64(20)) % np.uint64(partitions)).astype(np.uint16)


def grouped(table: pyarrow.Table, group: NDArray[np.uint16], groups: int
            ) -> tuple[Iterator[pyarrow.RecordBatch], list[int]]:
    """Return a batch for each group, rows in their order, and how many rows each has."""
    counts = np.bincount(group, minlength=groups)
    ends = np.cumsum(counts)
    if groups > 1:
        table = rows_of(table, np.argsort(group, kind="stable"))  # of 16 bits: a radix sort
    table = table.combine_chunks()
    return ((one_batch(table.slice(int(end - count), int(count))) for end, count in zip(ends, counts, strict=True)),
            counts.tolist())


def one_batch(table: pyarrow.Table) -> pyarrow.RecordBatch:
    """Return a table as one batch, an empty one too."""
    batches = table.combine_chunks().to_batches()
    return batches[0] if batches else pyarrow.RecordBatch.from_pylist([], schema=table.schema)


def batch_of(paths: Sequence[str], number: int) -> pyarrow.Table:
    """Return the batches of this number of several files as one table, in the order of the files."""
    found = []
    for path in paths:
        with random_access(place(path)) as stream:
            found.append(pyarrow.ipc.open_file(stream).get_batch(number))
    return pyarrow.Table.from_batches(found)


# --- ranges -------------------------------------------------------------------------------------------------------


def choose_ranges(paths: Sequence[str], sample_at: int, plan: dict[str, Any], engine: str, rows: int, every: int
                  ) -> list[Boundary]:
    """Return where ranges of about so many rows begin, in order, the beginning of each region among them.

    every: one row of so many was sampled.
    """
    dimensions, economies = TablePlan.of(plan).dimensions[:SAMPLED_COLUMNS], _economies()
    sample = pyarrow.concat_tables([_columns_of(path, sample_at, [*dimensions, "cents"]) for path in paths])
    table = open_table_engine(engine).ordered(sample, economies, dimensions)
    region = np.array(economies.region, dtype=np.int64)[numbers_of(table["country"])]
    step, found = max(rows // every, 1), list[Boundary]()
    for number in range(len(REGIONS)):
        begin, end = np.searchsorted(region, [number, number + 1]).tolist()
        found.append((number,))
        for at in range(begin + step, end - step // 2, step):
            row = table.slice(at, 1).to_pylist()[0]
            boundary = (number, row["cents"], *(row[name] for name in dimensions))
            if boundary != found[-1]:
                found.append(boundary)
    return found


def _columns_of(path: str, number: int, names: Sequence[str]) -> pyarrow.Table:
    """Return some columns of a batch of a file; copied, since a part of a batch holds all of it."""
    table = batch_of([path], number).select(names)
    return rows_of(table, np.arange(table.num_rows))


def ranges_of(table: pyarrow.Table, plan: TablePlan, economies: Economies, boundaries: Sequence[Boundary]
              ) -> NDArray[np.uint16]:
    """Return for each row the range it belongs to: the last that begins before or with it."""
    region = np.array(economies.region, dtype=np.int64)[numbers_of(table["country"])]
    rough = _rough(region, numbers_of(table["cents"]))
    starts = np.array([_rough(each[0], each[1] if len(each) > 1 else MOST_CENTS) for each in boundaries])
    found = np.searchsorted(starts, rough, side="right") - 1
    inside = np.flatnonzero((starts[found] == rough) & np.array([len(each) > 1 for each in boundaries])[found])
    if len(inside):
        found[inside] = _by_whole_key(table, plan, inside, rough[inside], starts, boundaries)
    ranges: NDArray[np.uint16] = found.astype(np.uint16)
    return ranges


def _rough(region: Any, cents: Any) -> Any:
    """Return a number that sorts by region, then by GDP from the largest down."""
    return region * (2 * MOST_CENTS + 1) + (MOST_CENTS - cents)


def _by_whole_key(table: pyarrow.Table, plan: TablePlan, rows: NDArray[np.intp], rough: NDArray[np.int64],
                  starts: NDArray[np.int64], boundaries: Sequence[Boundary]) -> NDArray[np.int64]:
    """Return the ranges of rows whose region and GDP are those of a boundary: the rest of the key decides."""
    import polars

    frame = polars.from_arrow(rows_of(table.select(list(plan.dimensions)), rows))
    assert isinstance(frame, polars.DataFrame)
    frame = frame.insert_column(0, polars.Series("rough", rough)).with_row_index("place").sort(
        "rough", *plan.dimensions)
    tied = np.isin(starts, rough)
    wanted = [at for at, each in enumerate(boundaries) if len(each) > 1 and tied[at]]
    begins = [bisect.bisect_left(range(frame.height), (int(starts[at]), *boundaries[at][2:]),
                                 key=lambda row: frame.row(row)[1:]) for at in wanted]
    last = np.searchsorted(np.array(begins), np.arange(frame.height), side="right") - 1
    of_row = frame["rough"].to_numpy()
    before = np.searchsorted(starts, of_row, side="left") - 1
    chosen = np.array(wanted)[np.maximum(last, 0)]
    sorted_result = np.where((last >= 0) & (starts[chosen] == of_row), chosen, before)
    result = np.empty(len(rows), dtype=np.int64)
    result[frame["place"].to_numpy()] = sorted_result
    return result


# --- partitions and ranges ----------------------------------------------------------------------------------------


def reduce_partition(root: str, folder: str, number: int, paths: Sequence[str], plan: dict[str, Any], engine: str,
                     boundaries: Sequence[Boundary], rows: int, most: int, identity: str) -> dict[str, Any]:
    """Keep the last row of each key of a partition: batch n of the file is of range n.

    rows: of the partition; most: that may be held at once. Returns rows kept, and repeats by kind.
    """
    meaning = TablePlan.of(plan)

    def make() -> dict[str, Any]:
        table, exact, superseded = last_of_keys(paths, number, meaning, engine, -(-rows // most))
        parted, counts = grouped(table, ranges_of(table, meaning, _economies(), boundaries), len(boundaries))
        files = write_batches(place(root, folder, f"{number:06d}.arrow"), table.schema, parted)
        return {"files": files, "rows": counts, "exact": exact, "superseded": superseded}

    return checkpointed(place(root, folder, f"{number:06d}.json"), identity, make)


def last_of_keys(paths: Sequence[str], number: int, plan: TablePlan, engine: str, shares: int
                 ) -> tuple[pyarrow.Table, int, int]:
    """Return the last row of each key of a partition, and how many rows were exact repeats and how many superseded.

    A partition too large to be held, because few keys have most of the rows, is read in shares by a hash of key and
    figure: repeats of one figure meet in one share, and what is left of each share is little.
    """
    keep = open_table_engine(engine).keep_last
    if shares <= 1:
        return keep(batch_of(paths, number), plan.key)
    left, exact, superseded = list[pyarrow.Table](), 0, 0
    for share in range(shares):
        table, repeats, older = keep(_share(paths, number, plan, share, shares), plan.key)
        left.append(table)
        exact, superseded = exact + repeats, superseded + older
    joined = pyarrow.concat_tables(left)
    joined = rows_of(joined, np.argsort(numbers_of(joined["position"]), kind="stable"))
    table, none, older = keep(joined, plan.key)
    assert none == 0, "repeats of one figure meet in one share"
    return table.drop_columns(["position"]), exact, superseded + older


def _share(paths: Sequence[str], number: int, plan: TablePlan, share: int, shares: int) -> pyarrow.Table:
    """Return the rows of a partition that fall to one share, with their position in the file."""
    found = []
    for at, path in enumerate(paths):
        table = batch_of([path], number)
        mine = np.flatnonzero(partition_of(table, [*plan.key, "published"], 4099) % shares == share)
        found.append(rows_of(table, mine).append_column("position", array_of((at << 32) + mine.astype(np.int64))))
    return pyarrow.concat_tables(found)


def sort_range(root: str, folder: str, number: int, paths: Sequence[str], plan: dict[str, Any], engine: str,
               region: str, identity: str) -> dict[str, Any]:
    """Sort one range and write it as the part that targets read."""
    meaning = TablePlan.of(plan)
    name = f"{number:06d}-{region.replace(' ', '_')}"

    def make() -> dict[str, Any]:
        economies = _economies()
        table = open_table_engine(engine).ordered(batch_of(paths, number), economies, meaning.dimensions)
        told = published(table, meaning, economies)
        files = write_batches(place(root, folder, f"{name}.arrow"), told.schema, told.to_batches(1 << 16))
        return {"files": files, "rows": told.num_rows, "region": region}

    return checkpointed(place(root, folder, f"{name}.json"), identity, make)


def published(table: pyarrow.Table, plan: TablePlan, economies: Economies) -> pyarrow.Table:
    """Return clean rows as the columns of Countries_by_GDP, in their order; further ones under their clean names."""
    names = pyarrow.DictionaryArray.from_arrays(
        array_of(numbers_of(table["country"]).astype(np.int16)), array_of_texts(economies.names))
    arrays = [names, array_of(numbers_of(table["cents"]) / 100.0), table["published"],
              *([table["year"]] if plan.has_year else []), *(table[each.field] for each in plan.further)]
    return pyarrow.table(arrays, names=["Country", "GDP_USD_billion", "GDP_as_published", *plan.dimensions[1:]])


@lru_cache(maxsize=4)
def _cleaner(engine: str, plan: str, file: str) -> Cleaner:
    """Return the cleaner of a file, which remembers the names of earlier pieces."""
    return Cleaner(open_table_engine(engine), TablePlan.of(json.loads(plan)), load_identity(), _economies(), file)


@cache
def _economies() -> Economies:
    return Economies(load_identity().countries())
