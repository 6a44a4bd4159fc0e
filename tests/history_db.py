"""Databases with history: filled by hand, row by row, or published from batches made by hand; and what they hold.

One filled by hand is sqlite3 and the project's migrations alone: what is expected of it owes nothing to the loading.
"""

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
from tests.project import PROJECT, sql
from utils import Workspace

GDP = "NGDPD"
TABLES = ("dim_vintage", "dim_scope", "dim_scope_key", "fact_gdp", "fact_revision", "fact_region")  # no fact of arrival
Told = Mapping[tuple[str, str, int], str]  # indicator, iso3, year -> "476.468", " f" behind a forecast, " a" an actual

# --- filled by hand -----------------------------------------------------------------------------------------------

# dataset, label, published, updated
VINTAGES = (
    ("imf-weo", "2024-04", "2024-04-16", ""),
    ("imf-weo", "2024-10", "2024-10-22", ""),
    ("imf-weo", "2025-04", "2025-04-22", ""),
    ("imf-weo", "2025-04", "2025-04-22", "2025-05-02T09:00:00Z"),
    ("worldbank-wdi", "2024-03-28", "2024-03-28", ""),
)
# dataset, indicator, iso3, year, from and to (places among the dataset's VINTAGES, to None: still), text, decimals,
# forecast
FACTS: tuple[tuple[str, str, str, int, int, int | None, str, int, int | None], ...] = (
    (WEO, "NGDPD", "USA", 2023, 0, 2, "27360.935", 3, 0),
    (WEO, "NGDPD", "USA", 2023, 2, None, "27720.725", 3, 0),
    (WEO, "NGDPD", "USA", 2024, 0, 1, "28781.083", 3, 1),
    (WEO, "NGDPD", "USA", 2024, 1, 2, "29167.779", 3, 1),
    (WEO, "NGDPD", "USA", 2024, 2, 3, "29184.89", 3, 0),
    (WEO, "NGDPD", "USA", 2024, 3, None, "29185.005", 3, 0),
    (WEO, "NGDPD", "USA", 2025, 0, None, "30507.217", 3, 1),
    (WEO, "NGDPD", "NGA", 2023, 0, 3, "363.846", 3, 0),  # withdrawn by the second printing
    (WEO, "NGDPD", "NGA", 2024, 0, 2, "252.738", 3, 1),
    (WEO, "NGDPD", "NGA", 2024, 2, None, "187.637", 3, 1),
    (WEO, "NGDPD", "NGA", 2025, 0, None, "194.955", 3, 1),
    (WEO, "NGDPD", "TWN", 2023, 0, None, "756.588", 3, 0),
    (WEO, "NGDPD", "TWN", 2024, 0, 2, "802.958", 3, 1),
    (WEO, "NGDPD", "TWN", 2024, 2, None, "802.958", 3, 0),  # the forecast was right
    (WEO, "NGDPD", "LIE", 2023, 2, None, "8.3", 3, 0),  # not there before
    (WEO, "NGDPD", "LIE", 2024, 2, None, "8.508", 3, 0),
    (WEO, "NGDP_RPCH", "USA", 2024, 0, 1, "2.7", 1, 1),
    (WEO, "NGDP_RPCH", "USA", 2024, 1, 2, "2.8", 1, 1),
    (WEO, "NGDP_RPCH", "USA", 2024, 2, None, "2.796", 3, 0),  # within the coarser writing: confirmed, not revised
    ("worldbank-wdi", "NGDPD", "USA", 2023, 0, None, "27720.7249", 4, None),
    ("worldbank-wdi", "NGDPD", "NGA", 2023, 0, None, "487.3", 4, None),
    ("worldbank-wdi", "NGDPD", "NGA", 2022, 0, None, "472.6246", 4, None),
    ("worldbank-wdi", "NGDPD", "CUB", 2020, 0, None, "107.352", 4, None),
)


def key(vintage: tuple[str, str, str, str]) -> str:
    """Return dim_vintage.vintage."""
    _, label, published, updated = vintage
    return f"{published} {updated} {label}"


def of(dataset: str, vintages: Iterable[tuple[str, str, str, str]] = VINTAGES) -> list[tuple[str, str, str, str]]:
    """Return the vintages of a dataset."""
    return [each for each in vintages if each[0] == dataset]


class Database:
    """sqliteDB/World_Economies.db of a workspace, made where there is none, while it is filled.

    schema: the last migration applied, None for the newest. countries: rows of iso3, iso2, name, region, subregion and
    region_version; the project's own by default.
    """

    def __init__(self, workspace: Path, *, schema: int | None = None,
                 countries: Iterable[tuple[str, ...]] | None = None) -> None:
        self.path = workspace / "sqliteDB" / "World_Economies.db"
        if self.path.exists():
            return
        self.path.parent.mkdir(parents=True)
        migrations = sorted((PROJECT / "sql" / "migrations").glob("[0-9]*.sql"))[:schema]
        with closing(sqlite3.connect(self.path)) as connection:
            for file in migrations:
                connection.executescript(file.read_text(encoding="utf-8"))
            connection.execute(f"PRAGMA user_version = {len(migrations)}")
        identity = load_identity()
        self.run("INSERT INTO dim_country (iso3, iso2, name, region, subregion, region_version) "
                 "VALUES (?, ?, ?, ?, ?, ?)",
                 *(countries if countries is not None else (
                     (c.iso3, c.iso2, c.name, c.region, c.subregion, identity.version) for c in identity.countries())))

    def run(self, statement: str, *rows: tuple[object, ...]) -> None:
        """Run a statement once a row; what a row refers to must be there."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("PRAGMA foreign_keys = 1")
            connection.execute("PRAGMA synchronous = 0")
            connection.executemany(statement, rows)
            connection.commit()

    def vintage(self, vintage: tuple[str, str, str, str], *, picture_year: int = 2024, channel: str = "bundled",
                archive_id: str = "", batch: str = "", sha256: str = "") -> None:
        """Insert a vintage with its batch and its witness."""
        dataset, label, published, updated = vintage
        batch = batch or f"{dataset}/{label}{'+' + updated.replace(':', '-') if updated else ''}/digest"
        self.run("INSERT INTO dim_vintage (dataset, label, updated, published, dating, vintage) VALUES (?, ?, ?, ?, "
                 "'stated', ?)", (dataset, label, updated, published, key(vintage)))
        self.run("INSERT INTO etl_batch VALUES (?, ?, ?, ?, 'digest', 1, ?)",
                 (batch, dataset, label, updated, picture_year))
        self.witness(batch, channel, archive_id, sha256)

    def witness(self, batch: str, channel: str, archive_id: str = "", sha256: str = "", run_id: str = "run",
                fetched_at: str = "2026-01-01T00:00:00Z") -> None:
        self.run("INSERT INTO etl_load (run_id, batch_id, channel, archive_id, sha256, url, fetched_at, loaded_at, "
                 "accepted) VALUES (?, ?, ?, ?, ?, 'data/some.file', ?, '2026-01-01T00:00:01Z', '')",
                 (run_id, batch, channel, archive_id, sha256, fetched_at))

    def scope(self, dataset: str, indicator: str, vintage: str, first: int, last: int) -> None:
        self.run("INSERT INTO dim_scope VALUES (?, ?, ?, ?, ?)", (dataset, indicator, vintage, first, last))

    def fact(self, dataset: str, indicator: str, iso3: str, year: int, begin: str, end: str | None, text: str,
             decimals: int = 3, forecast: int | None = None) -> None:
        self.run("INSERT INTO fact_gdp (dataset, indicator, iso3, year, from_vintage, to_vintage, value, value_text, "
                 "decimals, forecast) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                 (dataset, indicator, iso3, year, begin, end, float(text), text, decimals, forecast))

    def picture(self, vintage: tuple[str, str, str, str]) -> None:
        """Show a vintage, with no row in Countries_by_GDP."""
        self.run("INSERT INTO picture VALUES (1, ?, ?, ?, 'bundled', 'run')", (vintage[0], vintage[1], vintage[3]))


def history(workspace: Path) -> Path:
    """Make the database of VINTAGES and FACTS; every one of imf-weo speaks for 2023 to 2025."""
    database = Database(workspace)
    for vintage in VINTAGES:
        database.vintage(vintage)
        first, last = (2023, 2025) if vintage[0] == WEO else (1960, 2023)
        for indicator in ("NGDPD", "NGDP_RPCH") if vintage[0] == WEO else ("NGDPD",):
            database.scope(vintage[0], indicator, key(vintage), first, last)
    for dataset, indicator, iso3, year, begin, end, text, decimals, forecast in FACTS:
        keys = [key(each) for each in of(dataset)]
        database.fact(dataset, indicator, iso3, year, keys[begin], None if end is None else keys[end], text, decimals,
                      forecast)
    database.picture(of(WEO)[-1])
    return workspace


# Country, GDP as published, region, ISO3: of 2024
SHOWN = (("United States", "29185.005", "North America", "USA"), ("Taiwan", "802.958", "Asia", "TWN"),
         ("Nigeria", "187.637", "Africa", "NGA"), ("Liechtenstein", "8.508", "Europe", "LIE"))


def pictured(workspace: Path, *more: tuple[str, str, str, str]) -> Path:
    """Fill the picture of a copy of that history, of 2024."""
    Database(workspace).run(
        "INSERT INTO Countries_by_GDP VALUES (?, round(?, 2), ?, ?, 'here', ?, 2024, 0, 'imf-weo', '2025-04', '')",
        *((name, float(text), text, region, iso3) for name, text, region, iso3 in (*SHOWN, *more)))
    return workspace


# --- published from batches ---------------------------------------------------------------------------------------


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


# --- what a database holds ----------------------------------------------------------------------------------------


def ranges(root: Path, iso3: str, year: int, indicator: str = GDP) -> list[tuple[str, str | None, str]]:
    """Return (label from, label to, value) of one figure, the dataset's labels with their update."""
    return sql(root, """
        SELECT v.label || iif(v.updated = '', '', '+' || v.updated),
               w.label || iif(w.updated = '', '', '+' || w.updated),
               f.value_text || CASE f.forecast WHEN 1 THEN ' f' WHEN 0 THEN ' a' ELSE '' END
        FROM fact_gdp AS f
        JOIN dim_vintage AS v ON v.dataset = f.dataset AND v.vintage = f.from_vintage
        LEFT JOIN dim_vintage AS w ON w.dataset = f.dataset AND w.vintage = f.to_vintage
        WHERE f.iso3 = ? AND f.year = ? AND f.indicator = ?
        ORDER BY f.from_vintage""", iso3, year, indicator)


def content(root: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return every table of TABLES, sorted."""
    return {table: sorted(sql(root, f"SELECT * FROM {table}"), key=repr) for table in TABLES}


def labels(root: Path) -> list[str]:
    """Return the printings held, oldest first."""
    return [f"{label}+{updated}" if updated else label
            for label, updated in sql(root, "SELECT label, updated FROM dim_vintage ORDER BY vintage")]
