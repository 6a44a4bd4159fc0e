"""A database with history, filled by hand: what is expected of what is made from it owes nothing to the loading."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
SPRING, AUTUMN, AGAIN = "2025-04-22  2025-04", "2025-10-14  2025-10", "2025-10-14 2025-11-03 2025-10"

COUNTRIES = [("BOL", "Bolivia"), ("CIV", "Côte d'Ivoire"), ("COD", "Congo, Democratic Republic"), ("NGA", "Nigeria"),
             ("USA", "United States")]
VINTAGES = [  # dataset, label, updated, published, dating, vintage
    ("imf-weo", "2025-04", "", "2025-04-22", "stated", SPRING),
    ("imf-weo", "2025-10", "", "2025-10-14", "stated", AUTUMN),
    ("imf-weo", "2025-10", "2025-11-03", "2025-10-14", "stated", AGAIN),
    ("table:=SUM(1)", "=HYPERLINK(1)", "", "", "given", "  =HYPERLINK(1)"),
    ("wikipedia-nominal", "rev1234567", "", "2025-11-02", "stated", "2025-11-02  rev000001234567"),
    ("worldbank-wdi", "2025-07-01", "", "2025-07-01", "stated", "2025-07-01  2025-07-01"),
]
RANGES = [  # dataset, indicator, iso3, year, from, to, value as text, decimals, forecast
    ("imf-weo", "NGDPD", "NGA", 2022, SPRING, AUTUMN, "476.5", 3, 0),
    ("imf-weo", "NGDPD", "NGA", 2022, AUTUMN, None, "645.689", 3, 0),
    ("imf-weo", "NGDPD", "COD", 2025, AUTUMN, AGAIN, "82.265", 3, 1),
    ("imf-weo", "NGDPD", "NGA", 2025, AUTUMN, None, "285.003", 3, 1),
    ("imf-weo", "NGDPD", "USA", 2025, AUTUMN, AGAIN, "30615.743", 3, 1),
    ("imf-weo", "NGDPD", "USA", 2025, AGAIN, None, "30615.744", 3, None),
    ("imf-weo", "NGDP_RPCH", "BOL", 2025, SPRING, None, "-3.2", 1, 1),
    ("table:=SUM(1)", '@x;=cmd|"1",2', "CIV", 2020, "  =HYPERLINK(1)", None, "-0.5", 1, None),
    ("table:=SUM(1)", "-7", "CIV", 2020, "  =HYPERLINK(1)", None, "7", 0, None),
    ("wikipedia-nominal", "NGDPD", "USA", 2025, "2025-11-02  rev000001234567", None, "30507.217", 3, None),
    ("worldbank-wdi", "LP", "USA", 2024, "2025-07-01  2025-07-01", None, "340.110988", 6, None),
]
PICTURE = [  # country, rounded, as published, region, subregion, iso3, year, forecast, dataset, vintage, extracted at
    ("Nigeria", 285.0, "285.003", "Africa", "Western Africa", "NGA", 2025, 1, "imf-weo", "2025-10",
     "2026-11-21T02:24:00Z"),
    ("United States", 30615.74, "30615.744", "North America", "Northern America", "USA", 2025, None, "imf-weo",
     "2025-10", "2026-11-21T02:24:00Z"),
    ("Congo, Democratic Republic", 82.27, "82.265", "Africa", "Middle Africa", "COD", 2025, 1, "imf-weo", "2025-10",
     "2026-11-21T02:24:00Z"),
]


def make(workspace: Path, *, filled: bool = True) -> Path:
    """Make sqliteDB/World_Economies.db of a workspace with every migration applied; returns its path."""
    path = workspace / "sqliteDB" / "World_Economies.db"
    path.parent.mkdir(parents=True)
    (workspace / "results").mkdir()
    migrations = sorted((PROJECT / "sql" / "migrations").glob("*.sql"))
    with closing(sqlite3.connect(path)) as db:
        for file in migrations:
            db.executescript(file.read_text(encoding="utf-8"))
        if filled:
            fill(db)
        db.execute(f"PRAGMA user_version = {len(migrations)}")
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    return path


def fill(db: sqlite3.Connection) -> None:
    """Write the rows above, the facts in another order than their key's."""
    db.executemany("INSERT INTO dim_country (iso3, iso2, name, region, subregion, region_version) "
                   "VALUES (?, '', ?, 'Asia', '', '1')", COUNTRIES)
    db.executemany("INSERT INTO dim_vintage (dataset, label, updated, published, dating, vintage) "
                   "VALUES (?, ?, ?, ?, ?, ?)", VINTAGES)
    db.executemany("INSERT INTO fact_gdp (dataset, indicator, iso3, year, from_vintage, to_vintage, value_text, "
                   "decimals, forecast, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, CAST(?7 AS REAL))",
                   RANGES[::-1])
    db.executemany(f"INSERT INTO Countries_by_GDP VALUES ({', '.join('?' * 11)})", PICTURE)
    db.execute("INSERT INTO picture VALUES (1, 'imf-weo', '2025-10', '2025-11-03', 'imf', 'a-run')")
    db.commit()


def many(path: Path, years: int) -> int:
    """Add a range for each of these years and five countries; returns how many."""
    with closing(sqlite3.connect(path)) as db:
        rows = [("imf-weo", "PCPIPCH", iso3, 1000 + year, SPRING, AGAIN if year % 2 else None, f"{year}.125", 3, 0)
                for iso3, _ in COUNTRIES for year in range(years)]
        db.executemany("INSERT INTO fact_gdp (dataset, indicator, iso3, year, from_vintage, to_vintage, value_text, "
                       "decimals, forecast, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, CAST(?7 AS REAL))", rows)
        db.commit()
    return len(rows)
