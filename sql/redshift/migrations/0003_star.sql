-- The star of the history, as sql/migrations makes it in SQLite. Redshift holds nobody to a key: PRIMARY KEY and UNIQUE
-- are hints to its planner, which may then leave out a DISTINCT, and would hide the very repeats that sql/checks look
-- for. So no key is declared, every load counts instead, and NOT NULL, which Redshift does enforce, is what is left.
-- Lengths are bytes. Texts are compared byte by byte: the order of vintages is the order of their texts.
--
-- Facts lie with their economy (DISTKEY iso3): the two ranges of one figure, which revisions compare, are then on one
-- slice, and some 200 economies spread well over the slices of a small warehouse. They are sorted as they are asked:
-- one indicator of one dataset, in some years. Dimensions are small and joined to everything: a copy on each node.

CREATE TABLE dim_country (
    iso3            VARCHAR(3) NOT NULL,
    iso2            VARCHAR(2) NOT NULL,
    name            VARCHAR(256) NOT NULL,
    region          VARCHAR(64) NOT NULL,
    subregion       VARCHAR(64) NOT NULL,
    region_version  VARCHAR(64) NOT NULL,
    m49             VARCHAR(8) NOT NULL,
    other_names     VARCHAR(4096) NOT NULL
) DISTSTYLE ALL SORTKEY (iso3);

CREATE TABLE dim_vintage (
    dataset    VARCHAR(256) NOT NULL,
    label      VARCHAR(256) NOT NULL,
    updated    VARCHAR(64) NOT NULL,
    published  VARCHAR(64) NOT NULL,
    dating     VARCHAR(16) NOT NULL,
    vintage    VARCHAR(512) NOT NULL
) DISTSTYLE ALL SORTKEY (dataset, vintage);

CREATE TABLE dim_scope (
    dataset     VARCHAR(256) NOT NULL,
    indicator   VARCHAR(256) NOT NULL,
    vintage     VARCHAR(512) NOT NULL,
    first_year  INTEGER NOT NULL,
    last_year   INTEGER NOT NULL
) DISTSTYLE ALL SORTKEY (dataset, indicator, vintage);

CREATE TABLE dim_scope_key (
    dataset    VARCHAR(256) NOT NULL,
    indicator  VARCHAR(256) NOT NULL,
    iso3       VARCHAR(3) NOT NULL,
    year       INTEGER NOT NULL,
    vintage    VARCHAR(512) NOT NULL
) DISTSTYLE KEY DISTKEY (iso3) COMPOUND SORTKEY (dataset, indicator, year);

CREATE TABLE fact_gdp (
    dataset       VARCHAR(256) NOT NULL,
    indicator     VARCHAR(256) NOT NULL,
    iso3          VARCHAR(3) NOT NULL,
    year          INTEGER NOT NULL,
    from_vintage  VARCHAR(512) NOT NULL,
    to_vintage    VARCHAR(512),
    value         DOUBLE PRECISION NOT NULL,
    value_text    VARCHAR(512) NOT NULL,
    decimals      INTEGER NOT NULL,
    forecast      INTEGER
) DISTSTYLE KEY DISTKEY (iso3) COMPOUND SORTKEY (dataset, indicator, year);

CREATE TABLE etl_batch (
    batch_id      VARCHAR(1024) NOT NULL,
    dataset       VARCHAR(256) NOT NULL,
    label         VARCHAR(256) NOT NULL,
    updated       VARCHAR(64) NOT NULL,
    digest        VARCHAR(64) NOT NULL,
    figures       INTEGER NOT NULL,
    picture_year  INTEGER NOT NULL
) DISTSTYLE ALL SORTKEY (dataset);

CREATE TABLE etl_load (
    run_id      VARCHAR(256) NOT NULL,
    batch_id    VARCHAR(1024) NOT NULL,
    channel     VARCHAR(64) NOT NULL,
    archive_id  VARCHAR(1024) NOT NULL,
    sha256      VARCHAR(64) NOT NULL,
    url         VARCHAR(8192) NOT NULL,
    fetched_at  VARCHAR(64) NOT NULL,
    started_at  VARCHAR(64) NOT NULL,
    loaded_at   VARCHAR(64) NOT NULL,
    accepted    VARCHAR(256) NOT NULL
) DISTSTYLE ALL SORTKEY (batch_id);

CREATE TABLE Countries_by_GDP (
    Country           VARCHAR(256) NOT NULL,
    GDP_USD_billion   DOUBLE PRECISION NOT NULL,
    GDP_as_published  VARCHAR(512) NOT NULL,
    Region            VARCHAR(64) NOT NULL,
    Subregion         VARCHAR(64) NOT NULL,
    ISO3              VARCHAR(3) NOT NULL,
    Year              INTEGER NOT NULL,
    Forecast          INTEGER,
    Dataset           VARCHAR(256) NOT NULL,
    Vintage           VARCHAR(512) NOT NULL,
    Extracted_At      VARCHAR(64) NOT NULL
) DISTSTYLE ALL SORTKEY (ISO3);

CREATE TABLE picture (
    id       INTEGER NOT NULL,
    dataset  VARCHAR(256) NOT NULL,
    label    VARCHAR(256) NOT NULL,
    updated  VARCHAR(64) NOT NULL,
    channel  VARCHAR(64) NOT NULL,
    run_id   VARCHAR(256) NOT NULL
) DISTSTYLE ALL;

-- Every manifest that a COPY has read, in the transaction that kept its rows.
CREATE TABLE etl_manifest (
    manifest    VARCHAR(2048) NOT NULL,    -- its address
    staged      VARCHAR(256) NOT NULL,     -- which statement its rows are for
    sha256      VARCHAR(64) NOT NULL,      -- of the Parquet file
    bytes       BIGINT NOT NULL,
    row_count   BIGINT NOT NULL,           -- in the file, and copied
    loaded_at   VARCHAR(64) NOT NULL
) DISTSTYLE ALL SORTKEY (loaded_at);
