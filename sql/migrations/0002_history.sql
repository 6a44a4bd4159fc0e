-- History: every figure of every vintage, kept as ranges of vintages. The ledger begins anew: load.py sees that it is
-- empty and takes in every run whose clean records are kept.

DELETE FROM picture;
DELETE FROM Countries_by_GDP;
DROP TABLE figure_newest;
DROP TABLE etl_load;
DROP TABLE etl_batch;
DROP TABLE picture;
DROP TABLE dim_vintage;

ALTER TABLE dim_country ADD COLUMN m49 TEXT NOT NULL DEFAULT '';
ALTER TABLE dim_country ADD COLUMN other_names TEXT NOT NULL DEFAULT '[]';  -- JSON array: other names it is known by

-- Editions of the publishers'. `vintage` is published, updated and label in one text, a blank between each two: comparing
-- it as text puts the vintages of a dataset in their order, and facts refer to it.
CREATE TABLE dim_vintage (
    dataset    TEXT NOT NULL,
    label      TEXT NOT NULL,
    updated    TEXT NOT NULL,              -- '' where the publisher states none
    published  TEXT NOT NULL,
    dating     TEXT NOT NULL CHECK (dating IN ('stated', 'given', 'observed')),
    vintage    TEXT NOT NULL,
    PRIMARY KEY (dataset, label, updated),
    UNIQUE (dataset, vintage)
) WITHOUT ROWID;

-- What a vintage speaks for as a whole, absence included: an indicator in these years, every economy.
CREATE TABLE dim_scope (
    dataset     TEXT NOT NULL,
    indicator   TEXT NOT NULL,
    vintage     TEXT NOT NULL,
    first_year  INTEGER NOT NULL,
    last_year   INTEGER NOT NULL CHECK (last_year >= first_year),
    PRIMARY KEY (dataset, indicator, vintage, first_year),
    FOREIGN KEY (dataset, vintage) REFERENCES dim_vintage (dataset, vintage)
) WITHOUT ROWID;

-- What a report of some economies speaks for beside that: single figures, whose absence elsewhere says nothing.
CREATE TABLE dim_scope_key (
    dataset    TEXT NOT NULL,
    indicator  TEXT NOT NULL,
    iso3       TEXT NOT NULL REFERENCES dim_country,
    year       INTEGER NOT NULL,
    vintage    TEXT NOT NULL,
    PRIMARY KEY (dataset, indicator, iso3, year, vintage),
    FOREIGN KEY (dataset, vintage) REFERENCES dim_vintage (dataset, vintage)
) WITHOUT ROWID;

-- A figure, and for which vintages it held: from_vintage <= v < to_vintage, which is NULL while it holds.
CREATE TABLE fact_gdp (
    dataset       TEXT NOT NULL,
    indicator     TEXT NOT NULL,
    iso3          TEXT NOT NULL REFERENCES dim_country,
    year          INTEGER NOT NULL,
    from_vintage  TEXT NOT NULL,
    to_vintage    TEXT CHECK (to_vintage > from_vintage),
    value         REAL NOT NULL,           -- in the indicator's canonical unit, for arithmetic
    value_text    TEXT NOT NULL,           -- the same as published, exact
    decimals      INTEGER NOT NULL,        -- that the publisher states
    forecast      INTEGER CHECK (forecast IN (0, 1)),  -- 1 forecast, 0 actual, NULL not told
    PRIMARY KEY (dataset, indicator, iso3, year, from_vintage),
    FOREIGN KEY (dataset, from_vintage) REFERENCES dim_vintage (dataset, vintage),
    FOREIGN KEY (dataset, to_vintage) REFERENCES dim_vintage (dataset, vintage)
) WITHOUT ROWID;

CREATE UNIQUE INDEX fact_gdp_current ON fact_gdp (dataset, indicator, iso3, year) WHERE to_vintage IS NULL;

-- The ledger: a batch is applied when its row is here, in the same transaction as its figures.
CREATE TABLE etl_batch (
    batch_id   TEXT PRIMARY KEY,           -- dataset/label+updated/digest of all that its source states
    dataset    TEXT NOT NULL,
    label      TEXT NOT NULL,              -- of the vintage it turned out to be: one observed may equal a stated one
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

-- Which vintage Countries_by_GDP is of, and the run that asked last; one row.
CREATE TABLE picture (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    dataset  TEXT NOT NULL,
    label    TEXT NOT NULL,
    updated  TEXT NOT NULL,
    channel  TEXT NOT NULL,
    run_id   TEXT NOT NULL,
    FOREIGN KEY (dataset, label, updated) REFERENCES dim_vintage
);

-- What changed from one vintage to the next that speaks for the figure. kind: revised (another figure), confirmed (the
-- same figure, forecast before and actual now), reopened (actual before, forecast now), withdrawn, appeared (a vintage before
-- spoke for it and had none). Differences within half a unit of the coarser writing are none.
CREATE VIEW fact_revision AS
SELECT o.dataset, o.indicator, o.iso3, o.year, n.from_vintage AS vintage, o.from_vintage AS old_vintage,
       CASE WHEN abs(n.value - o.value) > 1.0001 * CAST('5e' || (-1 - min(o.decimals, n.decimals)) AS REAL) THEN 'revised'
            WHEN o.forecast = 1 THEN 'confirmed' ELSE 'reopened' END AS kind,
       o.value_text AS old_text, n.value_text AS new_text, o.value AS old_value, n.value AS new_value,
       n.value - o.value AS change, 100.0 * (n.value - o.value) / nullif(abs(o.value), 0) AS percent,
       o.forecast AS old_forecast, n.forecast AS new_forecast
FROM fact_gdp AS o
JOIN fact_gdp AS n ON n.dataset = o.dataset AND n.indicator = o.indicator AND n.iso3 = o.iso3 AND n.year = o.year
     AND n.from_vintage = o.to_vintage
WHERE abs(n.value - o.value) > 1.0001 * CAST('5e' || (-1 - min(o.decimals, n.decimals)) AS REAL)
      OR o.forecast <> n.forecast
UNION ALL
SELECT o.dataset, o.indicator, o.iso3, o.year, o.to_vintage, o.from_vintage, 'withdrawn',
       o.value_text, NULL, o.value, NULL, NULL, NULL, o.forecast, NULL
FROM fact_gdp AS o
WHERE o.to_vintage IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM fact_gdp AS n
      WHERE n.dataset = o.dataset AND n.indicator = o.indicator AND n.iso3 = o.iso3 AND n.year = o.year
        AND n.from_vintage = o.to_vintage)
UNION ALL
SELECT n.dataset, n.indicator, n.iso3, n.year, n.from_vintage, NULL, 'appeared',
       NULL, n.value_text, NULL, n.value, NULL, NULL, NULL, n.forecast
FROM fact_gdp AS n
WHERE NOT EXISTS (
      SELECT 1 FROM fact_gdp AS o
      WHERE o.dataset = n.dataset AND o.indicator = n.indicator AND o.iso3 = n.iso3 AND o.year = n.year
        AND o.to_vintage = n.from_vintage)
  AND EXISTS (
      SELECT 1 FROM dim_scope AS s
      WHERE s.dataset = n.dataset AND s.indicator = n.indicator AND s.vintage < n.from_vintage
        AND n.year BETWEEN s.first_year AND s.last_year);

-- Each region in each year as each vintage has it: the sum, the mean of its five largest economies, how many there are.
CREATE VIEW fact_region AS
WITH ranked AS (
    SELECT f.dataset, v.vintage, f.year, c.region, f.iso3, f.value,
           row_number() OVER (PARTITION BY f.dataset, v.vintage, f.year, c.region ORDER BY f.value DESC, f.iso3) AS place
    FROM fact_gdp AS f
    JOIN dim_vintage AS v ON v.dataset = f.dataset AND f.from_vintage <= v.vintage
         AND (f.to_vintage IS NULL OR f.to_vintage > v.vintage)
    JOIN dim_country AS c USING (iso3)
    WHERE f.indicator = 'NGDPD'
)
SELECT dataset, vintage, year, region, sum(value) AS sum_billion,
       avg(CASE WHEN place <= 5 THEN value END) AS top5_mean_billion, count(*) AS economies
FROM ranked
GROUP BY dataset, vintage, year, region;
