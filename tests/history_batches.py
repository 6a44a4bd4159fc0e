"""Batches made by hand, published in a real database, and what it then holds."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from history.calendar import WEO, weo_vintage
from history.model import STATED, Scope, Vintage, Witness
from pipeline.countries import load_identity
from targets import Batch, Counts
from targets.sqlite import Target
from utils import Workspace

GDP = "NGDPD"
Told = Mapping[tuple[str, str, int], str]  # indicator, iso3, year -> "476.468", " f" behind a forecast, " a" an actual
HISTORY = ("dim_vintage", "dim_scope", "dim_scope_key", "fact_gdp", "fact_revision", "fact_region")


def rows_of(told: Told) -> list[list[str]]:
    """Return clean records as texts."""
    found = []
    for (indicator, iso3, year), word in sorted(told.items()):
        text, _, mark = word.partition(" ")
        decimals = len(text.partition(".")[2])
        plain = text.rstrip("0").rstrip(".") if "." in text else text
        forecast = {"f": "1", "a": "0", "": ""}[mark]
        found.append([iso3, indicator, str(year), plain, str(decimals), forecast, f"{iso3} {year}"])
    return found


def batch(vintage: str | Vintage, told: Told, years: Mapping[str, Sequence[int]] | Sequence[int] | None = None, *,
          channel: str = "weo", complete: bool = True, dataset: str = WEO, run: str = "run") -> Batch:
    """Return a batch of one vintage: "2024-10", "2024-10+2024-11-30" or a Vintage.

    years: what it speaks for, of each indicator or of all that it has; those of its figures by default.
    """
    if isinstance(vintage, str):
        label, _, updated = vintage.partition("+")
        vintage = weo_vintage(label, updated) if dataset == WEO else Vintage(
            dataset, label, f"{label}-01-01"[:10], updated, STATED)
    indicators = dict.fromkeys(indicator for indicator, _, _ in told) or {GDP: None}
    scopes = []
    for indicator in years if isinstance(years, Mapping) else indicators:
        own = years[indicator] if isinstance(years, Mapping) else years
        spoken = own if own is not None else {year for name, _, year in told if name == indicator}
        scopes.append(Scope(vintage, indicator, tuple(sorted(spoken)), complete))
    rows = rows_of(told)
    digest = hashlib.sha256(json.dumps([row[:6] for row in rows]).encode()).hexdigest()
    witness = Witness(channel, f"archive-{run}", "0" * 64, digest, "2026-11-20T10:00:00Z", "https://example.org/x")
    return Batch(vintage, scopes, digest, len(rows), GDP, 0, lambda: iter(rows), witness, run)


def gdp(years: Mapping[str, Mapping[int, str]]) -> dict[tuple[str, str, int], str]:
    """Return {"NGA": {2022: "476.468"}} as told figures of GDP."""
    return {(GDP, iso3, year): word for iso3, words in years.items() for year, word in words.items()}


def publish(root: Path, *groups: Iterable[Batch]) -> list[Counts]:
    """Publish each group in a load of its own."""
    found = []
    for number, group in enumerate(groups):
        identity = load_identity()
        with Target(Workspace(root)) as target:
            target.describe(identity.countries(), identity.version)
            found.append(target.publish([replace(each, run_id=f"{each.run_id}-{number}") for each in group]))
    return found


def asked(root: Path, text: str) -> list[tuple[Any, ...]]:
    """Run SQL on the database."""
    with closing(sqlite3.connect(Workspace(root).database)) as connection:
        return connection.execute(text).fetchall()


def ranges(root: Path, iso3: str, year: int, indicator: str = GDP) -> list[tuple[str, str | None, str]]:
    """Return (label from, label to, value) of one figure, the dataset's labels with their update."""
    return asked(root, f"""
        SELECT v.label || iif(v.updated = '', '', '+' || v.updated),
               w.label || iif(w.updated = '', '', '+' || w.updated),
               f.value_text || CASE f.forecast WHEN 1 THEN ' f' WHEN 0 THEN ' a' ELSE '' END
        FROM fact_gdp AS f
        JOIN dim_vintage AS v ON v.dataset = f.dataset AND v.vintage = f.from_vintage
        LEFT JOIN dim_vintage AS w ON w.dataset = f.dataset AND w.vintage = f.to_vintage
        WHERE f.iso3 = '{iso3}' AND f.year = {year} AND f.indicator = '{indicator}'
        ORDER BY f.from_vintage""")


def content(root: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return all of history, sorted, without facts of arrival."""
    return {table: sorted(asked(root, f"SELECT * FROM {table}"), key=repr) for table in HISTORY}


def labels(root: Path) -> list[str]:
    """Return the printings held, oldest first."""
    return [f"{label}+{updated}" if updated else label
            for label, updated in asked(root, "SELECT label, updated FROM dim_vintage ORDER BY vintage")]
