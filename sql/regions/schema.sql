-- The database of one region: /*further*/ stands for the columns behind GDP_as_published, Year among them where records
-- have one, /*key*/ for those of them that tell records apart. The table is its own index: sorted by GDP, largest first.
-- Columns behind the key are not declared NOT NULL: the integrity check of SQLite 3.40 takes them for null then.
CREATE TABLE Countries_by_GDP (
    Country          TEXT NOT NULL,
    GDP_USD_billion  REAL NOT NULL,        -- rounded half up to 2 places
    GDP_as_published REAL                  -- billion US dollars, the double nearest to the figure as published
    /*further*/,
    PRIMARY KEY (GDP_USD_billion DESC, Country/*key*/)
) WITHOUT ROWID;

-- What the database holds and which run it is of; one row, the same run in all six databases.
CREATE TABLE picture (
    region          TEXT NOT NULL,
    rows            INTEGER NOT NULL,
    dataset         TEXT NOT NULL,
    label           TEXT NOT NULL,
    published       TEXT NOT NULL,
    updated         TEXT NOT NULL,
    dating          TEXT NOT NULL,
    channel         TEXT NOT NULL,
    run_id          TEXT NOT NULL,         -- the run that asked last
    region_version  TEXT NOT NULL,         -- of the table that says which economy is in which region
    decimals        TEXT NOT NULL          -- what is to be known of the decimals of the figures, '' for nothing
);

-- The economies of the region, with records or without.
CREATE TABLE economies (
    Country    TEXT NOT NULL PRIMARY KEY,
    ISO3       TEXT NOT NULL,
    Subregion  TEXT NOT NULL
) WITHOUT ROWID;
