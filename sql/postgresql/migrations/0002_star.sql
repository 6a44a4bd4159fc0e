-- The star of the history, as sql/migrations makes it in SQLite, in the schema that the search path names first. Texts are
-- compared byte by byte (COLLATE "C"): the order of vintages is the order of their texts. The large tables refer to others
-- without foreign keys, which ask row by row and take ten times as long as the copying: before each commit sql/checks
-- asks for all rows at once.

CREATE TABLE dim_country (
    iso3            text COLLATE "C" PRIMARY KEY,
    iso2            text COLLATE "C" NOT NULL,
    name            text COLLATE "C" NOT NULL,
    region          text COLLATE "C" NOT NULL,
    subregion       text COLLATE "C" NOT NULL,
    region_version  text COLLATE "C" NOT NULL,
    m49             text COLLATE "C" NOT NULL,
    other_names     text COLLATE "C" NOT NULL
);

CREATE TABLE dim_vintage (
    dataset    text COLLATE "C" NOT NULL,
    label      text COLLATE "C" NOT NULL,
    updated    text COLLATE "C" NOT NULL,
    published  text COLLATE "C" NOT NULL,
    dating     text COLLATE "C" NOT NULL CHECK (dating IN ('stated', 'given', 'observed')),
    vintage    text COLLATE "C" NOT NULL,
    PRIMARY KEY (dataset, label, updated),
    UNIQUE (dataset, vintage)
);

CREATE TABLE dim_scope (
    dataset     text COLLATE "C" NOT NULL,
    indicator   text COLLATE "C" NOT NULL,
    vintage     text COLLATE "C" NOT NULL,
    first_year  integer NOT NULL,
    last_year   integer NOT NULL CHECK (last_year >= first_year),
    PRIMARY KEY (dataset, indicator, vintage, first_year),
    FOREIGN KEY (dataset, vintage) REFERENCES dim_vintage (dataset, vintage)
);

CREATE TABLE dim_scope_key (
    dataset    text COLLATE "C" NOT NULL,
    indicator  text COLLATE "C" NOT NULL,
    iso3       text COLLATE "C" NOT NULL,
    year       integer NOT NULL,
    vintage    text COLLATE "C" NOT NULL,
    PRIMARY KEY (dataset, indicator, iso3, year, vintage)
);

CREATE TABLE fact_gdp (
    dataset       text COLLATE "C" NOT NULL,
    indicator     text COLLATE "C" NOT NULL,
    iso3          text COLLATE "C" NOT NULL,
    year          integer NOT NULL,
    from_vintage  text COLLATE "C" NOT NULL,
    to_vintage    text COLLATE "C" CHECK (to_vintage > from_vintage),
    value         double precision NOT NULL,
    value_text    text COLLATE "C" NOT NULL,
    decimals      integer NOT NULL,
    forecast      integer CHECK (forecast IN (0, 1)),
    PRIMARY KEY (dataset, indicator, iso3, year, from_vintage)
);

CREATE UNIQUE INDEX fact_gdp_current ON fact_gdp (dataset, indicator, iso3, year) WHERE to_vintage IS NULL;

CREATE TABLE etl_batch (
    batch_id      text COLLATE "C" PRIMARY KEY,
    dataset       text COLLATE "C" NOT NULL,
    label         text COLLATE "C" NOT NULL,
    updated       text COLLATE "C" NOT NULL,
    digest        text COLLATE "C" NOT NULL,
    figures       integer NOT NULL,
    picture_year  integer NOT NULL,
    FOREIGN KEY (dataset, label, updated) REFERENCES dim_vintage
);

CREATE TABLE etl_load (
    run_id      text COLLATE "C" NOT NULL,
    batch_id    text COLLATE "C" NOT NULL REFERENCES etl_batch,
    channel     text COLLATE "C" NOT NULL,
    archive_id  text COLLATE "C" NOT NULL,
    sha256      text COLLATE "C" NOT NULL,
    url         text COLLATE "C" NOT NULL,
    fetched_at  text COLLATE "C" NOT NULL,
    loaded_at   text COLLATE "C" NOT NULL,
    accepted    text COLLATE "C" NOT NULL,
    PRIMARY KEY (run_id, batch_id)
);

CREATE TABLE Countries_by_GDP (
    Country           text COLLATE "C" NOT NULL,
    GDP_USD_billion   double precision NOT NULL,
    GDP_as_published  text COLLATE "C" NOT NULL,
    Region            text COLLATE "C" NOT NULL,
    Subregion         text COLLATE "C" NOT NULL,
    ISO3              text COLLATE "C" NOT NULL PRIMARY KEY,
    Year              integer NOT NULL,
    Forecast          integer,
    Dataset           text COLLATE "C" NOT NULL,
    Vintage           text COLLATE "C" NOT NULL,
    Extracted_At      text COLLATE "C" NOT NULL
);

CREATE TABLE picture (
    id       integer PRIMARY KEY CHECK (id = 1),
    dataset  text COLLATE "C" NOT NULL,
    label    text COLLATE "C" NOT NULL,
    updated  text COLLATE "C" NOT NULL,
    channel  text COLLATE "C" NOT NULL,
    run_id   text COLLATE "C" NOT NULL,
    FOREIGN KEY (dataset, label, updated) REFERENCES dim_vintage
);
