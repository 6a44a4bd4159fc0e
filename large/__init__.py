"""Large tables: cut into pieces, each piece of each step a checkpoint of its own, worked on by processes of one thread.

    extract     blocks of bytes are surveyed, the file is cut at ends of records, each piece is staged as raw texts
    transform   each piece is cleaned and its rows parted by a hash of their key; of each partition the last row of
                every key stays, parted by ranges of (region, GDP, key); each range is sorted into one clean part
    load        one process a region streams the parts in their order into its database

What is passed between two steps is files: a step can be run again, in any number of processes, on any piece. Memory
follows the size of a piece and of a partition, never that of the input.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import lock
from pipeline.errors import UsageError
from pipeline.storage import STORAGE, Far, require_bucket
from utils import environment

if TYPE_CHECKING:
    from large.pool import Pool
    from large.settings import Settings
    from large.transform_steps import Transforming
    from pipeline.checkpoints import Manifest
    from pipeline.stage import Stage
    from sources import Request

REGIONS = "regions"  # of --target
ENGINES = ("pandas", "polars", "spark")
LOADS = "polars"  # a load is done by workers of ours, whatever engine made the parts
SAFE = "nothing was read or changed"


def is_asked(options: argparse.Namespace) -> bool:
    """Tell whether a table goes this road: a user's own, into the regional databases."""
    return bool(options.target == REGIONS and options.source == "table")


def engine_of(options: argparse.Namespace, size: int) -> tuple[str, str]:
    """Return the engine for so many bytes of input, and why."""
    from large.settings import MIB, SMALL_INPUT

    if options.engine:
        return options.engine, "asked for by --engine"
    words = f"{size / MIB:,.1f} MiB of input are"
    limit = f"{SMALL_INPUT // MIB} MiB"
    if size <= SMALL_INPUT:
        return "pandas", f"{words} no more than {limit}"
    return "polars", f"{words} more than {limit}"


def is_small(options: argparse.Namespace, size: int) -> bool:
    """Tell whether one process does it all: the engine of small tables."""
    return engine_of(options, size)[0] == "pandas"


def storage_of(options: argparse.Namespace) -> str:
    """Return where pieces lie that --storage puts into an object store; "": in the workspace. Raises UsageError.

    A sample has its own folder there too. The environment's storage may be for other runs.
    """
    if not is_asked(options):
        if options.storage and options.storage != environment(STORAGE.removeprefix("--")):
            raise UsageError("--storage is for the pieces of --source table --target regions", safe=SAFE,
                             next_command="the same command without --storage")
        return ""
    from pipeline.stage import SAMPLES  # not in every worker: it has no use for what stages import

    return options.storage and (f"{options.storage}/{SAMPLES}" if options.sample else options.storage)


def open_pool(options: argparse.Namespace, engine: str, settings: Settings, stage: Stage, storage: str) -> Pool:
    """Return the workers that this engine asks for, to be used as a context manager. storage: of storage_of()."""
    if engine == "spark":
        from large.spark import SparkPool

        return SparkPool(options.spark_master, stage.workspace.root, options.memory, stage.lock_fd, storage,
                         getattr(options, "input", None) or ())
    from large.pool import Pool

    return Pool(settings.workers, stage.lock_fd, partial(lock.sweep, stage.workspace), stage.report.warn)


def open_work(stage: Stage, before: Manifest, engine: str, settings: Settings, code: str) -> Transforming:
    """Return the work of transform on the table of a run, as this engine does it."""
    if engine == "spark":
        from large.spark_sorting import SparkTransforming

        return SparkTransforming(stage, before, engine, settings, code)
    from large.transform_steps import Transforming

    return Transforming(stage, before, engine, settings, code)


def refuse_share(options: argparse.Namespace) -> None:
    """Refuse --sample of what does not go this road: the whole of it would be done. Raises UsageError."""
    if options.sample:
        raise UsageError("--sample goes with --source table and --target regions; a history is not made of a share",
                         safe=SAFE, next_command="the same command without --sample, or with --target regions")


def check(request: Request) -> None:
    """Refuse what this road does not take, and a missing library. Raises UsageError."""
    if request.url:
        raise UsageError("--target regions reads a table from --input, not from --url", safe=SAFE,
                         next_command="download the file, and give it to --input")
    from sources._files import require_files

    near = tuple(path for path in request.inputs if isinstance(path, Path))
    if near or not request.inputs:
        require_files(replace(request, inputs=near),
                      "python etl_process.py --source table --input big.csv --target regions")
    missing = [name for name in ("polars", "pyarrow", "adbc_driver_sqlite") if find_spec(name) is None]
    if missing:
        raise UsageError(f"A table for --target regions needs libraries that are not installed: {', '.join(missing)}",
                         safe=SAFE,
                         next_command="python -m pip install -c constraints.txt '.[large]'")
    for path in request.inputs:
        if isinstance(path, Far) and not path.is_file():
            require_bucket(path)
            raise UsageError(f"There is no object {path}", where=str(path), safe=SAFE,
                             next_command="mend its name; what other objects begin with is none")
