"""Measure history: the bundle from nothing, one vintage more, questions of report.py, the whole panel.

    python bench/bench_history.py [--rounds 5] [--panel ../shared/captures/weo_panel.parquet]

Every figure is the median of the rounds; what is compared alternates within a round. See bench/README.md for the cases.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from bench.bench_run import run  # noqa: E402  the path comes first
from bench.rounds import Case, headline, overview, right, rounds  # noqa: E402

OLDER = ("2021-04", "2021-10", "2022-04", "2022-10", "2023-04", "2023-10", "2024-04", "2024-10", "2025-04")
NEW = ["--source", "bundled", "--vintage", "2025-10"]
QUESTIONS = {"--as-of 2024-04": 0.3, "--as-of 2023-12-31 --region Asia": 0.3, "--revisions": None,
             "--revisions --since 2023-10": None, "--revisions --country NGA": None, "--explain KOR 2024": None}


def seconds(work: Callable[[], object]) -> float:
    """Return how long it takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def ask(workspace: Path, question: str) -> None:
    """Run report.py on a question, as a process."""
    subprocess.run([sys.executable, str(PROJECT / "report.py"), "--workspace", str(workspace), *question.split()],
                   check=True, stdout=subprocess.DEVNULL, cwd=PROJECT)


def one_round() -> dict[str, float]:
    """Measure every case once."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        found["the bundle from nothing"] = run(["--source", "bundled"], root / "bundle").seconds
        for question in QUESTIONS:
            found[f"report.py {question}"] = seconds(lambda asked=question: ask(root / "bundle", asked))  # type: ignore[misc]
        for label in OLDER:
            run(["--source", "bundled", "--vintage", label, "--no-csv"], root / "nine")
        found["one vintage of five indicators, alone"] = run(NEW, root / "alone").seconds
        found["the same beside nine others"] = run(NEW, root / "nine").seconds
        found["what history costs it"] = (found["the same beside nine others"]
                                          - found["one vintage of five indicators, alone"])
    return found


def cases(found: Sequence[dict[str, float]]) -> Iterator[Case]:
    """Yield every case with its seconds in each round, and its aim."""
    aims = {"the bundle from nothing": 5.0, "what history costs it": 1.5} | {
        f"report.py {question}": aim for question, aim in QUESTIONS.items() if aim}
    for name in found[0]:
        yield name, [each[name] for each in found], aims.get(name)


def panel(file: Path) -> str:
    """Run the whole panel once and return seconds and memory of each stage."""
    with tempfile.TemporaryDirectory() as folder:
        measured = run(["--source", "table", "--input", str(file), "--dataset", "panel", "--indicator", "all"],
                       Path(folder))
    rows = [[stage, f"{told['rows_out'] or 0:,}", f"{told['seconds']:.1f}", f"{told['peak_memory'] / 2**20:.0f} MiB"]
            for stage, told in measured.stages.items()]
    rows.append(["all", "", f"{measured.seconds:.1f}", ""])
    return right(rows, ["the panel", "rows out", "seconds", "peak memory"])


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="of every case (default: 5)")
    parser.add_argument("--panel", type=Path, help="the panel as Parquet; measured once")
    options = parser.parse_args()
    found = [one_round() for _ in rounds(options.rounds)]
    print(f"{headline(options.rounds)}\n\n{overview(cases(found))}")
    if options.panel:
        print(f"\n{panel(options.panel)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
