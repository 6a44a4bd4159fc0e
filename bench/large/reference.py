"""The right answer for a small table, by plain Python: csv, a dict, and the country table as it is on the disk.

Shares no code with the pipeline or the peers; what it returns is compared with what check.py reads of a run.
"""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from pathlib import Path

Record = tuple[str, int, int, int]  # country, year, record, hundredths of a billion dollars
PROJECT = Path(__file__).resolve().parents[2]


def regional(path: Path) -> tuple[dict[str, list[Record]], Counter[str]]:
    """Return the records of each region, GDP descending, and what became of the rows."""
    known = json.loads((PROJECT / "data" / "country_region_table.json").read_text(encoding="utf-8"))
    place = {name: (each["name"], each["region"]) for each in known["countries"]
             for name in (each["name"], *each["aliases"])}
    groups = {*known["aggregates"]["names"], *known["aggregates"]["world_names"]} - place.keys()
    kept: dict[tuple[str, str, int, int], int] = {}
    fates: Counter[str] = Counter()
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            text = row["gdp_usd_million"]
            fate = ("aggregate" if row["country"] in groups else "unknown" if row["country"] not in place
                    else "no value" if text in ("", "n/a") else "" if text.isdecimal() else "unreadable")
            fates["in"] += 1
            if fate:
                fates[fate] += 1
                continue
            country, region = place[row["country"]]
            key = (region, country, int(row["year"]), int(row["record"]))
            fates["duplicate"] += key in kept
            kept[key] = int(text)
    fates["out"] = len(kept)
    regions: dict[str, list[Record]] = defaultdict(list)
    for (region, country, year, record), millions in sorted(kept.items(), key=lambda item: -item[1]):
        regions[region].append((country, year, record, (millions + 5) // 10))
    return dict(regions), fates
