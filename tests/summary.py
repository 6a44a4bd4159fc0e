"""What the sweeps print when the tests are over: boundaries, kills, recoveries, divergences, the worst time lost."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from tabulate import tabulate


def lines(reports: Iterable[Any]) -> list[str]:
    """Return the tables of what tests recorded as "sweep" and "boundaries"; nothing where none did."""
    kept = [(name, told) for report in reports if getattr(report, "when", "") == "call"
            for name, told in report.user_properties]
    found: list[str] = []
    for target in (told for name, told in kept if name == "boundaries"):
        counts = dict(target)
        found.append(f"write boundaries of {counts.pop('target')}: {sum(counts.values())}")
        for script, kinds in groupby(counts.items(), lambda each: each[0].partition(": ")[0]):
            found.append(f"  {script}: " + ", ".join(f"{kind.partition(': ')[2]} {count}" for kind, count in kinds))
    rows = summed(told for name, told in kept if name == "sweep")
    if rows:
        found += tabulate(rows, headers="keys", floatfmt=".1f").splitlines()
    return found


def summed(told: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a line for each target and kind of failure, and one for all."""
    rows: dict[str, dict[str, Any]] = {}
    for line in told:
        for name in (line["target"], "all"):
            row = rows.setdefault(name, {"target": name, "boundaries": 0, "kills": 0, "missed": 0, "recovered": 0,
                                         "divergences": 0, "worst s lost": 0.0})
            row["boundaries"] = line["boundaries"] if name != "all" else ""
            for count in ("kills", "missed", "recovered", "divergences"):
                row[count] += line.get(count, 0)
            row["worst s lost"] = max(row["worst s lost"], line["worst"])
    return [row for name, row in rows.items() if name != "all"] + ([rows["all"]] if rows else [])
