"""How much is done at once: workers, and what each may hold, from --workers, --memory and --piece-size."""

from __future__ import annotations

import argparse
import os
import re
from dataclasses import dataclass

from pipeline.errors import UsageError

MIB = 1 << 20
STAGE_HOLDS = 64 * MIB  # the two processes that wait: etl_process.py and the stage
WORKER_HOLDS = 100 * MIB  # a worker with its libraries and nothing in hand
STORE_HOLDS = 56 * MIB  # the client of an object store, in each process
LEAST_IN_HAND = 24 * MIB
PIECE_FACTOR = 16  # bytes held for each byte of a piece while it is read or cleaned
ROW_FACTOR = 7  # copies of a row's bytes held while a partition is sorted
SMALLEST_PIECE, LARGEST_PIECE = MIB // 4, 64 * MIB
MOST_ROWS = 1_500_000  # of a partition: more gain nothing
SMALL_INPUT = 8 * MIB  # bytes of input up to which one process and pandas are the quickest


@dataclass(frozen=True)
class Settings:
    """What a run may use.

    workers: processes of one thread; 0: all is done in the stage's own. in_hand: bytes each may hold beside its
    libraries. piece_bytes: of the input, a piece.
    """

    workers: int
    in_hand: int
    piece_bytes: int

    def rows_at_once(self, row_bytes: int) -> int:
        """Return how many clean rows of so many bytes a worker may hold and sort."""
        return max(min(self.in_hand // (ROW_FACTOR * max(row_bytes, 1)), MOST_ROWS), 1)


def size(text: str) -> int:
    """Read a number of bytes: "1G", "512M", "1048576". Raises ArgumentTypeError.

    A stage is given what its run was given, as bytes: "100T" is typed with five characters and passed on with fifteen.
    """
    found = re.fullmatch(r"([0-9]{1,24})(?:([KMGT])(?:i?B)?)?", text.strip(), re.IGNORECASE)
    if not found or not int(found[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is no size, e.g. 512M or 1G")
    return int(found[1]) << {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}[(found[2] or "").upper()]


def sample(text: str) -> str:
    """Read "1%" or "10000"; "" is no sample. Raises ArgumentTypeError."""
    if not text:
        return ""
    share = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)%", text.strip())
    if (share and 0 < float(share[1]) <= 100) or re.fullmatch(r"[1-9][0-9]{0,11}", text.strip()):
        return text.strip()
    raise argparse.ArgumentTypeError(f"{text!r} is no share such as 1% and no number of records such as 10000")


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def settings_of(options: argparse.Namespace, *, small: bool, far: bool = False) -> Settings:
    """Return the settings of these options. Raises UsageError for memory that cannot hold the workers or their pieces.

    far: the table or its pieces lie in an object store.
    """
    workers = options.workers or processors()
    stage, worker = (each + STORE_HOLDS * far for each in (STAGE_HOLDS, WORKER_HOLDS))
    in_hand = (options.memory - stage) // workers - worker
    if in_hand < LEAST_IN_HAND:
        least = -(-(stage + workers * (worker + LEAST_IN_HAND)) // MIB)
        fit = (options.memory - stage) // (worker + LEAST_IN_HAND)
        advice = f"--workers {fit}" if fit > 0 else f"--memory {least}M"
        raise UsageError(f"--memory {options.memory // MIB}M is too little for {workers} worker(s), which need "
                         f"{least}M", safe="nothing was changed", next_command=advice)
    most = in_hand // PIECE_FACTOR
    if options.piece_size > most:
        raise UsageError(f"--piece-size {options.piece_size / MIB:,.1f}M is too much for --memory "
                         f"{options.memory // MIB}M and {workers} worker(s): a piece may take {PIECE_FACTOR} "
                         "times its bytes while it is worked on",
                         safe="nothing was changed", next_command=f"--piece-size {most >> 10}K")
    piece = options.piece_size or min(max(most, SMALLEST_PIECE), LARGEST_PIECE)
    return Settings(0 if small else workers, in_hand, piece)
