"""Transform of a large table by Spark: pieces are cleaned by the same task as anywhere, Spark brings the rows together.

The last row of each key is chosen by its position in the input (piece << 32 | row), and the parts are sorted by all
dimensions, which no two rows share: so the parts, put one after another, are the same whatever the cluster is, however
often a task is repeated, and wherever Spark cuts its ranges.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, groupby, pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from large.model import Economies, TablePlan
from large.spark import SparkPool, told
from large.transform_steps import Outcome, Transforming
from pipeline.checkpoints import balanced
from pipeline.countries import load_identity
from pipeline.errors import WorldEconomiesError
from pipeline.storage import Place, place, remove_folder
from rules.identity import REGIONS

if TYPE_CHECKING:
    import pyarrow

    from large.pool import Pool
    from large.settings import Settings
    from pipeline.checkpoints import Manifest
    from pipeline.stage import Stage

TASK_ENGINE = "polars"  # numbers the texts of a piece, on the executors
LEAST_ROWS = 5_000  # of a task of a shuffle: fewer take less time than the task itself
ROWS = 1 << 14  # of a batch between Python and Java
POSITION, FIGURES = "position", "figures"  # of a row in the input; different figures of a key


class SparkTransforming(Transforming):
    """One table on its way from staged pieces to sorted parts, its rows brought together by Spark."""

    def __init__(self, stage: Stage, before: Manifest, engine: str, settings: Settings, code: str) -> None:
        super().__init__(stage, before, TASK_ENGINE, settings, code)
        self.shuffles = max(min(self.partitions, self.rows // LEAST_ROWS), 1)
        self.partitions = 1  # a cleaned piece is not parted: Spark does it

    def sorted(self, pool: Pool, outcome: Outcome, cleaned: Sequence[Mapping[str, Any]]) -> None:
        """Keep the last row of each key and sort; the outcome is completed."""
        assert isinstance(pool, SparkPool)
        remove_folder(place(self.root, self.clean))  # ranges of an earlier attempt are others
        paths = self._paths("parted", cleaned)
        with pool.in_words():
            found = sort_parts(pool, paths, self.plan, self.shuffles, str(place(self.root, self.clean)))
        kept, figures = sum(each["rows"] for each in found), sum(each[FIGURES] for each in found)
        repeats = {"duplicate: exact": outcome.balance["out"] - figures, "duplicate: superseded": figures - kept}
        outcome.balance["out"] = kept
        outcome.balance |= {name: count for name, count in repeats.items() if count}
        balanced(outcome.balance)
        self.complete(outcome, found)


def sort_parts(pool: SparkPool, paths: Sequence[str], plan: TablePlan, shuffles: int, folder: str
               ) -> list[dict[str, Any]]:
    """Write the sorted parts of cleaned pieces into a folder; return their facts, in their order.

    paths: cleaned pieces in the order of the input. Facts: "files", "rows", "region", and "figures": how many different
    figures the keys of the part had.
    """
    if not paths:
        return []
    from pyspark.sql import functions as sql

    session = pool.session(shuffles)
    rows = session.range(0, len(paths), 1, len(paths)).mapInArrow(
        partial(read_pieces, paths=list(paths), plan=plan.told()), schema_of(plan))
    carried = [name for name in (*plan.dimensions, "cents", "published") if name not in plan.key]
    # Each by itself: numbers alone, which is what the usual key leaves, are aggregated by hashing, a struct by sorting.
    last = rows.groupBy(*plan.key).agg(*(sql.max_by(name, POSITION).alias(name) for name in carried),
                                       sql.count_distinct("published").alias(FIGURES))
    regions = sql.array(*map(sql.lit, _economies().region))
    order = [regions[sql.col("country")], sql.col("cents").desc(), *map(sql.col, plan.dimensions)]
    parts = (last.repartitionByRange(shuffles, *order)
             .sortWithinPartitions(*order).mapInArrow(partial(write_parts, plan=plan.told(), folder=folder),
                                                      "number int, told string"))
    return [json.loads(row.told) for row in sorted(parts.collect(), key=lambda row: row.number)]


def schema_of(plan: TablePlan) -> str:
    """Return the columns of clean rows as Spark names their types, which has no unsigned ones."""
    further = "".join(f", {each.field} {'bigint' if each.integer else 'string'}" for each in plan.further)
    year = ", year smallint" if plan.has_year else ""
    return f"country int{year}{further}, cents bigint, published double, {POSITION} bigint"


# --- what runs on the executors -----------------------------------------------------------------------------------


def read_pieces(numbers: Iterable[pyarrow.RecordBatch], paths: Sequence[str], plan: dict[str, Any]
                ) -> Iterator[pyarrow.RecordBatch]:
    """Yield the clean rows of pieces (column "id": places in paths), each with its position in the input."""
    import numpy as np
    import pyarrow

    from large.transform_tasks import batch_of

    meaning = TablePlan.of(plan)
    for number in chain.from_iterable(batch.column(0).to_pylist() for batch in numbers):
        try:
            table = batch_of([paths[number]], 0)
        except WorldEconomiesError as error:
            raise told(error) from error
        position = (number << 32) + np.arange(table.num_rows, dtype=np.int64)
        columns = [table["country"].cast(pyarrow.int32())]
        columns += [table["year"]] if meaning.has_year else []
        columns += [table[each.field] if each.integer else table[each.field].cast(pyarrow.string())
                    for each in meaning.further]
        names = [*meaning.dimensions, "cents", "published", POSITION]
        yield from pyarrow.table([*columns, table["cents"], table["published"], pyarrow.array(position)],
                                 names=names).to_batches(ROWS)


def write_parts(batches: Iterable[pyarrow.RecordBatch], plan: dict[str, Any], folder: str
                ) -> Iterator[pyarrow.RecordBatch]:
    """Write the sorted rows of one range, a part for each region in it; yield the facts of each as JSON.

    A task that is repeated writes the same files again, each at once under its name.
    """
    import pyarrow
    from pyspark import TaskContext

    context = TaskContext.get()
    assert context is not None
    meaning, economies = TablePlan.of(plan), _economies()
    for region, found in groupby(_by_region(batches, economies), key=itemgetter(0)):
        number = context.partitionId() * len(REGIONS) + region
        rows = (batch for _, batch in found)
        try:
            facts = _write_part(place(folder), number, REGIONS[region], rows, meaning, economies)
        except WorldEconomiesError as error:
            raise told(error) from error
        yield pyarrow.RecordBatch.from_arrays(
            [pyarrow.array([number], pyarrow.int32()), pyarrow.array([json.dumps(facts)])], names=["number", "told"])


def _by_region(batches: Iterable[pyarrow.RecordBatch], economies: Economies
               ) -> Iterator[tuple[int, pyarrow.RecordBatch]]:
    """Yield (region, rows of it), rows in their order: batches are cut where the region changes."""
    import numpy as np

    regions = np.array(economies.region)
    for batch in batches:
        found = regions[batch.column("country").to_numpy()]
        cuts = [0, *(np.flatnonzero(np.diff(found)) + 1).tolist(), len(found)]
        for begin, end in pairwise(cuts):
            if end > begin:
                yield int(found[begin]), batch.slice(begin, end - begin)


def _write_part(folder: Place, number: int, region: str, batches: Iterable[pyarrow.RecordBatch], plan: TablePlan,
                economies: Economies) -> dict[str, Any]:
    import pyarrow
    import pyarrow.compute

    from large.pieces import write_batches
    from large.transform_tasks import published

    facts = {"rows": 0, FIGURES: 0, "region": region}

    def shown() -> Iterator[pyarrow.RecordBatch]:
        for batch in batches:
            facts["rows"] += batch.num_rows
            facts[FIGURES] += pyarrow.compute.sum(batch.column(FIGURES)).as_py()
            table = pyarrow.Table.from_batches([batch])
            for each in plan.further:
                at = table.schema.get_field_index(each.field)
                kind = pyarrow.int64() if each.integer else pyarrow.large_string()
                table = table.set_column(at, each.field, table[each.field].cast(kind))
            yield from published(table, plan, economies).to_batches()

    rows = shown()
    first = next(rows)
    name = f"{number:06d}-{region.replace(' ', '_')}.arrow"
    files = write_batches(folder / name, first.schema, chain([first], rows))  # facts are whole when it is written
    return facts | {"files": files}


def _economies() -> Economies:
    return Economies(load_identity().countries())
