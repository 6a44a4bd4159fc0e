-- The first schema. Natural keys everywhere, so that any order of loading gives the same content; facts of arrival
-- (when, from which answer, by which run) live in tables of their own.

CREATE TABLE dim_country (
    iso3            TEXT PRIMARY KEY,
    iso2            TEXT NOT NULL,
    name            TEXT NOT NULL,
    region          TEXT NOT NULL,
    subregion       TEXT NOT NULL,
    region_version  TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE dim_vintage (
    dataset    TEXT NOT NULL,
    label      TEXT NOT NULL,
    updated    TEXT NOT NULL,              -- '' where the publisher states none
    published    TEXT NOT NULL,
    dating     TEXT NOT NULL CHECK (dating IN ('stated', 'given', 'observed')),
    PRIMARY KEY (dataset, label, updated)
) WITHOUT ROWID;

-- The ledger: a batch is applied when its row is here, in the same transaction as its figures.
CREATE TABLE etl_batch (
    batch_id   TEXT PRIMARY KEY,           -- dataset/label+updated/digest
    dataset    TEXT NOT NULL,
    label      TEXT NOT NULL,
    updated    TEXT NOT NULL,
    digest     TEXT NOT NULL,              -- of the canonical clean records
    figures    INTEGER NOT NULL,
    picture_year INTEGER NOT NULL,         -- the year of its picture; 0 where each cell carries its own
    FOREIGN KEY (dataset, label, updated) REFERENCES dim_vintage
) WITHOUT ROWID;

-- Witnesses: every arrival of a batch.
CREATE TABLE etl_load (
    run_id      TEXT NOT NULL,
    batch_id    TEXT NOT NULL REFERENCES etl_batch,
    channel     TEXT NOT NULL,
    archive_id  TEXT NOT NULL,
    sha256      TEXT NOT NULL,             -- of the raw bytes
    url         TEXT NOT NULL,
    fetched_at  TEXT NOT NULL,
    loaded_at   TEXT NOT NULL,
    accepted    TEXT NOT NULL,             -- gates let through by hand, comma separated
    PRIMARY KEY (run_id, batch_id)
) WITHOUT ROWID;

-- The newest vintage of each dataset, every indicator and year.
CREATE TABLE figure_newest (
    dataset     TEXT NOT NULL,
    indicator   TEXT NOT NULL,
    iso3        TEXT NOT NULL REFERENCES dim_country,
    year        INTEGER NOT NULL,
    value       REAL NOT NULL,             -- in the indicator's canonical unit, for arithmetic
    value_text  TEXT NOT NULL,             -- the same as published, exact
    decimals    INTEGER NOT NULL,
    forecast    INTEGER,                   -- 1 forecast, 0 actual, NULL not told
    PRIMARY KEY (dataset, indicator, year, iso3)
) WITHOUT ROWID;

-- The table people know: the newest picture of the dataset that the last run asked for.
CREATE TABLE Countries_by_GDP (
    Country          TEXT NOT NULL,
    GDP_USD_billion  REAL NOT NULL,        -- rounded half up to 2 places
    GDP_as_published TEXT NOT NULL,        -- billion US dollars, every decimal the publisher gives
    Region           TEXT NOT NULL,
    Subregion        TEXT NOT NULL,
    ISO3             TEXT NOT NULL PRIMARY KEY,
    Year             INTEGER NOT NULL,
    Forecast         INTEGER,
    Dataset          TEXT NOT NULL,
    Vintage          TEXT NOT NULL,
    Extracted_At     TEXT NOT NULL
);

-- Which vintage that picture is of, and the run that asked last; one row.
CREATE TABLE picture (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    dataset  TEXT NOT NULL,
    label    TEXT NOT NULL,
    updated  TEXT NOT NULL,
    channel  TEXT NOT NULL,
    run_id   TEXT NOT NULL,
    FOREIGN KEY (dataset, label, updated) REFERENCES dim_vintage
);
