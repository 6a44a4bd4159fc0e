"""A small database of history, made of literal rows by sqlite3 alone, with the project's own migrations."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from pipeline.countries import load_identity
from tests.project import PROJECT

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
WEO = "imf-weo"
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
    return [each for each in vintages if each[0] == dataset]


class Database:
    """sqliteDB/World_Economies.db of a workspace, while it is filled."""

    def __init__(self, workspace: Path, upto: str = "9999") -> None:
        self.path = workspace / "sqliteDB" / "World_Economies.db"
        self.path.parent.mkdir(parents=True)
        with closing(sqlite3.connect(self.path)) as connection:
            for file in sorted((PROJECT / "sql" / "migrations").glob("[0-9]*.sql")):
                if file.name < upto:
                    connection.executescript(file.read_text(encoding="utf-8"))
                    connection.execute(f"PRAGMA user_version = {int(file.name[:4])}")
            if upto == "9999":
                identity = load_identity()
                connection.executemany(
                    "INSERT INTO dim_country (iso3, iso2, name, region, subregion, region_version) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    [(c.iso3, c.iso2, c.name, c.region, c.subregion, identity.version) for c in identity.countries()])
            connection.commit()

    def run(self, statement: str, *rows: tuple[object, ...]) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("PRAGMA foreign_keys = 1")
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
        self.run("INSERT INTO etl_load VALUES (?, ?, ?, ?, ?, 'data/some.file', ?, '2026-01-01T00:00:01Z', '')",
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
    for dataset, indicator, iso3, year, begin, end, *rest in FACTS:
        keys = [key(each) for each in of(dataset)]
        database.fact(dataset, indicator, iso3, year, keys[begin], None if end is None else keys[end], *rest)
    database.picture(of(WEO)[-1])
    return workspace
