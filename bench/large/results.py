"""Make the page of what was measured: bench/RESULTS.md and its charts in bench/charts/, from measured.jsonl.

    python bench/large/results.py DIR/measured.jsonl [--output bench]

Nothing is left out: a run that failed, took too long or took too much memory is in the table as that.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.large import charts

Line = Mapping[str, Any]
Cases = dict[tuple[Any, ...], list[Line]]
GROUPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "scale": ("Time and memory against rows", ("rows", "runner")),
    "workers": ("One worker and two", ("rows", "runner", "workers")),
    "memory": ("What --memory costs", ("rows", "runner", "memory")),
    "pieces": ("What --piece-size does", ("rows", "runner", "piece")),
    "skew": ("Uneven tables", ("rows", "skew", "runner"))}
BARS = {"threads": "Read and clean", "workers": "One worker and two", "memory": "Seconds by --memory",
        "skew": "Uneven tables"}
FIRST = "world-economies"
DISK, INSERTED = "write as many bytes and flush them", "a C program into two databases at once, indexed and flushed"
ADBC = "ADBC into two databases at once, indexed and flushed"


def read(path: Path) -> list[Line]:
    """Return every measurement; a line that a stopped run left half-written is passed over, and said so."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            found.append(json.loads(line))
        except ValueError:
            print(f"{path}, line {number}: not whole, left out", file=sys.stderr)
    return found


def grouped(lines: Iterable[Line], keys: Sequence[str]) -> Cases:
    """Return the measurements of each case."""
    found: Cases = defaultdict(list)
    for line in lines:
        found[tuple(line[key] for key in keys)].append(line)
    return dict(sorted(found.items(), key=lambda each: tuple(
        (part != FIRST, part) if isinstance(part, str) else (False, part) for part in each[0])))


def good(lines: Iterable[Line]) -> list[Line]:
    """Return the runs that ended well."""
    return [line for line in lines if line.get("outcome", "ok") == "ok"]


def middle(lines: Iterable[Line], name: str) -> float:
    """Return the median."""
    return float(median(line[name] for line in lines))


def table(group: str, lines: Sequence[Line]) -> str:
    """Return a group's table: medians, the spread, ratios to the first runner on the same table, or what went wrong."""
    keys = GROUPS[group][1]
    cases = grouped(lines, keys)
    base = {tuple(part for key, part in zip(keys, case, strict=True) if key != "runner"): middle(good(runs), "seconds")
            for case, runs in cases.items() if FIRST in case and good(runs)}
    rows = []
    for case, runs in cases.items():
        told = [shown(key, part) for key, part in zip(keys, case, strict=True)]
        if well := good(runs):
            ours = base.get(tuple(part for key, part in zip(keys, case, strict=True) if key != "runner"))
            seconds = middle(well, "seconds")
            told += [f"{seconds:.2f}", f"{min(each['seconds'] for each in well):.2f} to "
                     f"{max(each['seconds'] for each in well):.2f}", f"{seconds / ours:.2f}" if ours else "",
                     f"{middle(well, 'cpu'):.1f}",
                     *(f"{middle(well, name) / 2**20:,.0f}" for name in ("peak", "private")),
                     str(len(well))]
        else:
            most = (max(each[name] for each in runs) for name in ("peak", "private"))
            told += ["", "", "", "", *(f"{each / 2**20:,.0f}" for each in most), ""]
        told.append("; ".join(sorted({each["outcome"] for each in runs} - {"ok"})))
        rows.append(told)
    return markdown([*keys, "median s", "fastest to slowest", "to ours", "processor s", "peak MiB", "private MiB",
                     "runs", "what went wrong"], rows)


def shown(key: str, part: Any) -> str:
    """Return a cell of a key."""
    if key == "rows":
        return f"{part:g} M"
    if key == "memory":
        return f"{part / 2**30:g} GiB" if part else "its own"
    if key == "piece":
        return f"{part / 2**20:g} MiB"
    return str(part)


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def steps(lines: Sequence[Line]) -> str:
    """Return the seconds of each step, as the runners tell them, of the largest table that each finished."""
    rows = []
    for (runner,), runs in grouped(good(lines), ["runner"]).items():
        most = max(run["rows"] for run in runs)
        told = [run["steps"] for run in runs if run["rows"] == most and run["steps"]]
        total = sum(median(each[name] for each in told) for name in told[0]) if told else 0
        for name in told[0] if told else ():
            seconds = median(each[name] for each in told)
            rows.append([runner, f"{most:g} M", name, f"{seconds:.2f}", f"{seconds / total:.0%}" if total else ""])
    return markdown(["runner", "rows", "step", "median s", "share"], rows)


def single(lines: Sequence[Line]) -> str:
    """Return a group of things measured by themselves."""
    rows = []
    for (rows_, what), runs in grouped(lines, ["rows", "what"]).items():
        if any(run["seconds"] is None for run in runs):
            rows.append([f"{rows_:g} M", what, "", runs[0].get("why", "")])
            continue
        seconds = middle(runs, "seconds")
        size, count = runs[0].get("bytes"), runs[0].get("records")
        rate = (f"{size / seconds / 2**20:,.0f} MiB a second" if size and seconds else
                f"{count / seconds / 1e6:.2f} million records a second" if count and seconds else "")
        rows.append([f"{rows_:g} M", what, f"{seconds:.2f}", rate])
    return markdown(["rows", "what", "median s", ""], rows)


def shares(lines: Sequence[Line]) -> str:
    """Return how near our steps come to what the machine can do at best, on the table that the limits were taken of."""
    limits = {what: (runs[0], middle(runs, "seconds")) for (what,), runs in grouped(
        [line for line in lines if line["group"] == "limits" and line["seconds"]], ["what"]).items()}
    ours = [line for line in good(lines) if line["group"] == "scale" and line["runner"] == FIRST
            and any(line["rows"] == limit["rows"] for limit, _ in limits.values())]
    rows = []
    for step, what, size in (("extract", DISK, "bytes"), ("load", INSERTED, "records"), ("load", ADBC, "records")):
        if what in limits and ours:
            limit, seconds = limits[what]
            amount = limit["bytes"] if size == "bytes" else ours[0]["kept"]
            taken = median(line["steps"][step] for line in ours)
            at_best = seconds * amount / limit[size]
            rows.append([step, what, f"{taken:.2f}", f"{at_best:.2f}", f"{at_best / taken:.0%}"])
    return markdown(["our step", "its limit", "median s", "s at the limit", "share"], rows)


def drawn(lines: Sequence[Line], folder: Path) -> list[str]:
    """Draw what can be drawn and return the files' names."""
    folder.mkdir(parents=True, exist_ok=True)
    scale = good(line for line in lines if line["group"] == "scale")
    made: dict[str, str] = {}
    if scale:
        made["seconds.svg"] = charts.lines("Seconds for the whole work", "million rows", "seconds",
                                           series(scale, "seconds", 1))
        made["memory.svg"] = charts.lines("Peak memory of all processes", "million rows", "MiB (PSS)",
                                          series(scale, "peak", 2**20))
    if pieces := good(line for line in lines if line["group"] == "pieces"):
        what = f"against the size of a piece, {pieces[0]['rows']:g} M rows"
        made["pieces-seconds.svg"] = charts.lines(f"Seconds {what}", "MiB of the file", "seconds",
                                                  series(pieces, "seconds", 1, "piece", 2**20))
        made["pieces-memory.svg"] = charts.lines(f"Peak memory {what}", "MiB of the file", "MiB (PSS)",
                                                 series(pieces, "peak", 2**20, "piece", 2**20))
    for group, title in BARS.items():
        if found := good(line for line in lines if line["group"] == group):
            made[f"{group}-bars.svg"] = charts.bars(f"{title}, {found[0]['rows']:g} M rows", "s", bars(found, group))
    for name, drawing in made.items():
        (folder / name).write_text(drawing, encoding="utf-8")
    return list(made)


def bars(lines: Sequence[Line], group: str) -> dict[str, float]:
    """Return a median for each thing."""
    keys = ["what"] if group == "threads" else [key for key in GROUPS[group][1] if key != "rows"]
    return {", ".join(map(shown, keys, case)): round(middle(runs, "seconds"), 2)
            for case, runs in grouped(lines, keys).items()}


def series(lines: Sequence[Line], name: str, unit: float, over: str = "rows", step: float = 1
           ) -> dict[str, list[tuple[float, float]]]:
    """Return for each runner its medians in units, over rows or another key in steps."""
    found: dict[str, list[tuple[float, float]]] = {}
    for (runner, at), runs in grouped(lines, ["runner", over]).items():
        found.setdefault(runner, []).append((at / step, round(middle(runs, name) / unit, 2)))
    return found


def page(lines: Sequence[Line], pictures: Sequence[str]) -> str:
    """Return the whole page."""
    machine = [line for line in lines if line["group"] == "machine"]
    parts = ["# Large tables: what was measured", "",
             "Made by `bench/large/results.py`; what is measured and how is in ["
             "large/README.md](large/README.md)."]
    if machine:
        parts += ["", f"{machine[-1]['processors']} processors, {machine[-1]['memory'] / 2**30:.0f} GiB, Python "
                  f"{machine[-1]['python']}; load of the machine when measuring began: "
                  + ", ".join(f"{line['load']:.1f}" for line in machine) + "."]
    parts += [f"\n![{name.removesuffix('.svg')}](charts/{name})" for name in pictures]
    for group, (title, _) in GROUPS.items():
        if found := [line for line in lines if line["group"] == group]:
            parts += ["", f"## {title}", "", table(group, found)]
    if found := [line for line in lines if line["group"] == "scale"]:
        parts += ["", "## Each step", "", steps(found)]
    for group, title in (("threads", "Two threads against two processes"),
                         ("limits", "What the machine can do at best")):
        if found := [line for line in lines if line["group"] == group]:
            parts += ["", f"## {title}", "", single(found)]
    if any(line["group"] == "limits" for line in lines):
        parts += ["", "## Our steps against their limits", "", shares(lines)]
    return "\n".join(parts) + "\n"


def main() -> int:
    """Make the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measured", type=Path, nargs="+")
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parents[1])
    options = parser.parse_args()
    lines = [line for path in options.measured for line in read(path)]
    pictures = drawn(lines, options.output / "charts")
    (options.output / "RESULTS.md").write_text(page(lines, pictures), encoding="utf-8")
    print(f"{options.output / 'RESULTS.md'}: {len(lines)} measurements")
    return 0


if __name__ == "__main__":
    sys.exit(main())
