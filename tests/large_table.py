"""Large tables for tests: made by seed, hostile, and what must come of them, by plain Python and rules/."""

from __future__ import annotations

import csv
import io
import random
import sqlite3
from collections import Counter
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from pipeline.countries import load_identity
from rules.cleaning import half_up, parse_number, shifted, year_of
from rules.identity import AGGREGATE, REGIONS, UNKNOWN, WORLD

HEADER = ["Country", "Year", "Branch", "Note", "GDP (US$ million)"]
NAMES = ["France", "Türkiye", "Turkey", "Korea, Rep.", "Côte d’Ivoire", "Brazil", "United States", "U.S.", "Fiji",
         "Nigeria", "China", "Japan", "Germany", "Chile", "Canada", "Kenya", "New Zealand", "World", "Euro area"]
VALUES = ["1,234,565", "n/a", "", "—", "abc", "12.5", "-7", "0", "1e3", "2675", "  98 [1]", "1" * 40, "5%"]
Row = tuple[object, ...]


def write(path: Path, rows: int, seed: int = 7, unknown: int = 0) -> Path:
    """Write a table: a few names and keys, so that repeats of both kinds come; unknown: rows of names nobody knows."""
    dice, out = random.Random(seed), io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    for _ in range(rows):
        value = dice.choice(VALUES) if dice.random() < 0.05 else str(dice.randrange(1, 3_000_000))
        note = dice.choice(["", "a", "b, c", 'said "so"', "two\nlines", "ß\U0001f30d", " padded "])
        row = [dice.choice(NAMES), str(dice.randrange(2018, 2026)), str(dice.randrange(rows // 40 + 1)), note, value]
        writer.writerow(row)
        if dice.random() < 0.05:
            writer.writerow([*row[:-1], dice.choice([value, "777"])])
    for number in range(unknown):
        writer.writerow([f"Nowhere {number}", "2020", "1", "", "5"])
    path.write_text(out.getvalue(), encoding="utf-8")
    return path


def expected(path: Path, key: tuple[int, ...] = (0, 1, 2, 3)) -> tuple[dict[str, list[Row]], Counter[str]]:
    """Return the rows of each region in their order, and where the rows went. key: places in the header."""
    identity = load_identity()
    last: dict[tuple[object, ...], Row] = {}
    seen: dict[tuple[object, ...], set[float]] = {}
    counts: Counter[str] = Counter()
    with path.open(encoding="utf-8", newline="") as stream:
        for cells in list(csv.reader(stream))[1:]:
            counts["in"] += 1
            iso3, number = identity.resolve("", cells[0]), parse_number(cells[4])
            if iso3 in (AGGREGATE, WORLD):
                counts["set aside: aggregate"] += 1
            elif iso3 == UNKNOWN:
                counts["quarantined"] += 1
            elif not number.text and not number.fault:
                counts["set aside: no value"] += 1
            elif number.fault or year_of(cells[1]) is None:
                counts["quarantined"] += 1
            else:
                country, billions = identity.country(iso3), shifted(number.text, -3)
                if abs(Decimal(billions)) >= 10**13:
                    counts["quarantined"] += 1
                    continue
                clean = [country.name, int(cells[1]), int(cells[2]), cells[3]]
                told = tuple(clean[at] for at in key)
                if told in last:
                    kind = "exact" if float(billions) in seen[told] else "superseded"
                    counts[f"row {kind}"] += 1
                seen.setdefault(told, set()).add(float(billions))
                last[told] = (country.name, float(half_up(billions)), float(billions), *clean[1:], country.region)
    distinct = sum(map(len, seen.values()))
    clean_rows = counts.pop("row exact", 0) + counts.pop("row superseded", 0) + len(last)
    counts["duplicate: superseded"], counts["duplicate: exact"] = distinct - len(last), clean_rows - distinct
    counts["out"] = len(last)
    regions: dict[str, list[Row]] = {region: [] for region in REGIONS}
    for row in last.values():
        regions[str(row[-1])].append(row[:-1])
    for rows in regions.values():
        rows.sort(key=lambda row: (-float(str(row[1])), str(row[0]), row[3], row[4], str(row[5]).encode()))
    return regions, +counts


def held(workspace: Path) -> dict[str, list[Row]]:
    """Return the rows of each regional database in the order in which they are stored."""
    found = {}
    for region in REGIONS:
        path = workspace / "sqliteDB" / "regions" / (region.replace(" ", "_") + ".db")
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            found[region] = db.execute("SELECT * FROM Countries_by_GDP").fetchall()
    return found
