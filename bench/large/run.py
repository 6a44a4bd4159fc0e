"""Measure: every runner in turns, round after round, on tables made by seed; each measurement is written as it is made.

    .venv-bench/bin/python bench/large/run.py --work DIR [--groups scale,skew] [--rows 1,10] [--runners polars,duckdb]

Groups: scale (time against rows), workers (1 and 2), memory (what --memory costs), pieces (what --piece-size does),
skew (uneven tables), threads (two threads against two processes), limits (disk and SQLite by themselves).
DIR/measured.jsonl grows by a line a measurement; bench/large/results.py makes the page of it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.large import check, generate, limits, runners, threads
from bench.large.watch import OK, watch

GROUPS = ("scale", "workers", "memory", "pieces", "skew", "threads", "limits")
MILLION = 1_000_000
MEBI, GIBI = 2**20, 2**30


@dataclass(frozen=True)
class Case:
    """One thing that is measured: who, on what. rows in millions; memory, piece in bytes, 0 for its own choice."""

    group: str
    runner: str
    rows: float
    skew: str = "none"
    workers: int = 2
    memory: int = 0
    piece: int = 0


class Bench:
    """The measuring: where tables and results are, and what is known of right answers."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.work: Path = options.work
        self.timeout: float = options.timeout
        self.ceiling = int(options.ceiling * GIBI)
        self.log = self.work / "measured.jsonl"
        self.right: dict[tuple[float, str], dict[str, check.Facts]] = {}
        self.checked: set[Case] = set()
        self.gone: set[Case] = set()  # what failed once is not tried in the next round
        self.work.mkdir(parents=True, exist_ok=True)

    def note(self, told: dict[str, Any]) -> None:
        """Write a measurement down, at once and for good."""
        with self.log.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"at": datetime.now(UTC).isoformat(timespec="seconds"), **told}) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        shown = (f"{name} {value}" for name, value in told.items() if name not in ("said", "steps"))
        print(" · ".join(shown), flush=True)

    def table(self, rows: float, skew: str) -> Path:
        """Return a table, made where it is missing, its bytes in the page cache."""
        path = self.work / f"table-{rows:g}m-{skew}.csv"
        if not path.exists():
            generate.write(generate.Table(int(rows * MILLION), skew=skew), path)
        with path.open("rb") as stream:
            while stream.read(1 << 24):
                pass
        return path

    def measure(self, case: Case, number: int) -> None:
        """Run a case once, check what it made, and note it."""
        runner = runners.RUNNERS[case.runner]
        table, output = self.table(case.rows, case.skew), self.work / "output"
        shutil.rmtree(output, ignore_errors=True)
        os.sync()  # what an earlier run left to be written is not this one's burden
        command = runner.command(runners.Order(table, output, case.workers, case.memory or runner.memory, case.piece))
        with tempfile.TemporaryFile() as errors:
            seen = watch(command, runners.environment(), errors, self.timeout, self.ceiling)
        right = self.judged(case, output / runner.databases) if seen.outcome == OK else ""
        if seen.outcome != OK or right:
            self.gone.add(case)
        kept = sum(each.rows for each in self.right.get((case.rows, case.skew), {}).values())
        self.note({**asdict(case), "round": number, "outcome": right or seen.outcome, "seconds": round(seen.seconds, 3),
                   "cpu": round(seen.cpu, 2), "peak": seen.peak, "private": seen.private, "looks": seen.looks,
                   "steps": runner.steps(output), "kept": kept,
                   "said": "" if seen.outcome == OK else seen.said[-1000:]})
        shutil.rmtree(output, ignore_errors=True)

    def judged(self, case: Case, folder: Path) -> str:
        """Return what is wrong with the databases of a run, "" where nothing is; each case is looked at once."""
        if case in self.checked:
            return ""
        try:
            found = check.of_folder(folder)
        except (check.Wrong, OSError) as wrong:
            return f"wrong: {wrong}"
        self.checked.add(case)
        right = self.right.setdefault((case.rows, case.skew), found)
        different = [region for region in right if right[region] != found[region]]
        return f"wrong: other records than the first runner's in {', '.join(different)}" if different else ""


def cases(options: argparse.Namespace) -> Iterator[Case]:
    """Yield what is measured, tables of one size together."""
    names = [name for name in options.runners if name in runners.RUNNERS]
    middle = min(10, max(options.rows))
    if "scale" in options.groups:
        yield from (Case("scale", name, rows) for rows in options.rows for name in names
                    if rows <= runners.RUNNERS[name].most)
    if "workers" in options.groups:
        yield from (Case("workers", name, middle, workers=count) for name in names for count in (1, 2)
                    if name in (runners.OURS, "polars", "duckdb"))
    if "memory" in options.groups and runners.OURS in names:
        yield from (Case("memory", runners.OURS, middle, memory=size)
                    for size in (GIBI // 2, GIBI, 2 * GIBI, 4 * GIBI))
    if "pieces" in options.groups and runners.OURS in names:
        yield from (Case("pieces", runners.OURS, middle, memory=memory * GIBI, piece=size * MEBI)
                    for size, memory in ((1, 1), (4, 1), (16, 1), (64, 3), (256, 9)))  # less is refused
    if "skew" in options.groups:
        yield from (Case("skew", name, middle, skew) for skew in generate.SKEWS for name in names
                    if name in (runners.OURS, "polars", "duckdb"))


def in_turns(all_: Iterable[Case], rounds: int) -> Iterator[tuple[Case, int]]:
    """Yield every case in every round, each table's cases together and each round begun by another of them."""
    tables: dict[tuple[str, float, str], list[Case]] = {}
    for case in all_:
        tables.setdefault((case.group, case.rows, case.skew), []).append(case)
    for group in tables.values():
        for number in range(rounds):
            yield from ((case, number) for case in group[number % len(group):] + group[:number % len(group)])


def options_of(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words = lambda text: text.split(",")  # noqa: E731
    parser.add_argument("--work", type=Path, required=True, help="a folder with room for the largest table, ten times")
    parser.add_argument("--groups", type=words, default=list(GROUPS), help=f"of {','.join(GROUPS)} (default: all)")
    parser.add_argument("--rows", type=lambda text: [float(each) for each in text.split(",")], default=[1, 10, 50, 100],
                        help="millions, comma-separated (default: 1,10,50,100)")
    parser.add_argument("--runners", type=words, default=list(runners.RUNNERS), help="(default: all)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--timeout", type=float, default=900, help="seconds a run may take (default: 900)")
    parser.add_argument("--ceiling", type=float, default=12, help="GiB beyond which a run is ended (default: 12)")
    found = parser.parse_args(arguments)
    for name, known in (("groups", GROUPS), ("runners", tuple(runners.RUNNERS))):
        if unknown := set(getattr(found, name)) - set(known):
            parser.error(f"--{name}: {', '.join(sorted(unknown))} is none of {', '.join(known)}")
    return found


def main() -> int:
    """Measure everything that is asked for."""
    options = options_of()
    bench = Bench(options)
    bench.note({"group": "machine", "processors": len(os.sched_getaffinity(0)), "load": os.getloadavg()[0],
                "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), "python": sys.version.split()[0]})
    for case, number in in_turns(cases(options), options.rounds):
        if case not in bench.gone:
            bench.measure(case, number)
    middle = min(10, max(options.rows))
    for group, module in (("threads", threads), ("limits", limits)):
        if group in options.groups:
            for number in range(options.rounds):
                for told in module.measured(bench.table(middle, "none"), bench.work):
                    bench.note({"group": group, "rows": middle, "round": number, **told})
    return 0


if __name__ == "__main__":
    begun = time.perf_counter()
    code = main()
    print(f"{time.perf_counter() - begun:.0f} s in all", file=sys.stderr)
    sys.exit(code)
