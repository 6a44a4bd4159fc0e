-- enable_case_sensitive_identifier
SET enable_case_sensitive_identifier TO true;

-- Querying the catalog tables
SELECT schema_name AS name FROM information_schema.schemata WHERE schema_name = $1;

-- BEGIN
begin transaction;

-- CREATE SCHEMA
CREATE SCHEMA IF NOT EXISTS world_economies;

-- search_path
SET search_path TO world_economies;

-- CREATE TABLE
CREATE TABLE etl_schema (version INTEGER NOT NULL, applied_at VARCHAR(64) NOT NULL);

-- CREATE TABLE
CREATE TABLE etl_view (name VARCHAR(128) NOT NULL, sha256 VARCHAR(64) NOT NULL);

-- CREATE TABLE
CREATE TABLE etl_lock (held INTEGER);

-- CREATE TABLE
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

-- CREATE TABLE
CREATE TABLE dim_vintage (
    dataset    VARCHAR(256) NOT NULL,
    label      VARCHAR(256) NOT NULL,
    updated    VARCHAR(64) NOT NULL,
    published  VARCHAR(64) NOT NULL,
    dating     VARCHAR(16) NOT NULL,
    vintage    VARCHAR(512) NOT NULL
) DISTSTYLE ALL SORTKEY (dataset, vintage);

-- CREATE TABLE
CREATE TABLE dim_scope (
    dataset     VARCHAR(256) NOT NULL,
    indicator   VARCHAR(256) NOT NULL,
    vintage     VARCHAR(512) NOT NULL,
    first_year  INTEGER NOT NULL,
    last_year   INTEGER NOT NULL
) DISTSTYLE ALL SORTKEY (dataset, indicator, vintage);

-- CREATE TABLE
CREATE TABLE dim_scope_key (
    dataset    VARCHAR(256) NOT NULL,
    indicator  VARCHAR(256) NOT NULL,
    iso3       VARCHAR(3) NOT NULL,
    year       INTEGER NOT NULL,
    vintage    VARCHAR(512) NOT NULL
) DISTSTYLE KEY DISTKEY (iso3) COMPOUND SORTKEY (dataset, indicator, year);

-- CREATE TABLE
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

-- CREATE TABLE
CREATE TABLE etl_batch (
    batch_id      VARCHAR(1024) NOT NULL,
    dataset       VARCHAR(256) NOT NULL,
    label         VARCHAR(256) NOT NULL,
    updated       VARCHAR(64) NOT NULL,
    digest        VARCHAR(64) NOT NULL,
    figures       INTEGER NOT NULL,
    picture_year  INTEGER NOT NULL
) DISTSTYLE ALL SORTKEY (dataset);

-- CREATE TABLE
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

-- CREATE TABLE
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

-- CREATE TABLE
CREATE TABLE picture (
    id       INTEGER NOT NULL,
    dataset  VARCHAR(256) NOT NULL,
    label    VARCHAR(256) NOT NULL,
    updated  VARCHAR(64) NOT NULL,
    channel  VARCHAR(64) NOT NULL,
    run_id   VARCHAR(256) NOT NULL
) DISTSTYLE ALL;

-- CREATE TABLE
CREATE TABLE etl_manifest (
    manifest    VARCHAR(2048) NOT NULL,    
    staged      VARCHAR(256) NOT NULL,     
    sha256      VARCHAR(64) NOT NULL,      
    bytes       BIGINT NOT NULL,
    row_count   BIGINT NOT NULL,           
    loaded_at   VARCHAR(64) NOT NULL
) DISTSTYLE ALL SORTKEY (loaded_at);

-- INSERT; SELECT
INSERT INTO etl_schema (version, applied_at) VALUES (3, $1);

-- SELECT
SELECT name, sha256 FROM etl_view;

-- CREATE VIEW
CREATE OR REPLACE VIEW etl_ledger AS
SELECT l.run_id AS run, b.dataset, v.vintage, b.batch_id AS piece, b.digest AS sha256, b.figures AS "rows",
       l.started_at AS started, l.loaded_at AS committed
FROM etl_load AS l
JOIN etl_batch AS b ON b.batch_id = l.batch_id
JOIN dim_vintage AS v ON v.dataset = b.dataset AND v.label = b.label AND v.updated = b.updated;

-- DELETE
DELETE FROM etl_view WHERE name = $1;

-- INSERT
INSERT INTO etl_view (name, sha256)
VALUES ($1, $2);

-- CREATE VIEW
CREATE OR REPLACE VIEW fact_region AS
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

-- CREATE VIEW
CREATE OR REPLACE VIEW fact_revision AS
SELECT o.dataset, o.indicator, o.iso3, o.year, n.from_vintage AS vintage, o.from_vintage AS old_vintage,
       CASE WHEN abs(n.value - o.value) > 1.0001
                 * CAST('5e' || CAST(-1 - least(o.decimals, n.decimals) AS VARCHAR(11)) AS DOUBLE PRECISION)
                 THEN 'revised'
            WHEN o.forecast = 1 THEN 'confirmed' ELSE 'reopened' END AS kind,
       o.value_text AS old_text, n.value_text AS new_text, o.value AS old_value, n.value AS new_value,
       n.value - o.value AS change, 100.0 * (n.value - o.value) / nullif(abs(o.value), 0) AS "percent",
       o.forecast AS old_forecast, n.forecast AS new_forecast
FROM fact_gdp AS o
JOIN fact_gdp AS n ON n.dataset = o.dataset AND n.indicator = o.indicator AND n.iso3 = o.iso3 AND n.year = o.year
     AND n.from_vintage = o.to_vintage
WHERE abs(n.value - o.value) > 1.0001
                 * CAST('5e' || CAST(-1 - least(o.decimals, n.decimals) AS VARCHAR(11)) AS DOUBLE PRECISION)
      OR o.forecast <> n.forecast
UNION ALL
SELECT o.dataset, o.indicator, o.iso3, o.year, o.to_vintage, o.from_vintage, 'withdrawn', o.value_text,
       CAST(NULL AS VARCHAR(512)), o.value, CAST(NULL AS DOUBLE PRECISION), CAST(NULL AS DOUBLE PRECISION),
       CAST(NULL AS DOUBLE PRECISION), o.forecast, CAST(NULL AS INTEGER)
FROM fact_gdp AS o
LEFT JOIN fact_gdp AS n ON n.dataset = o.dataset AND n.indicator = o.indicator AND n.iso3 = o.iso3 AND n.year = o.year
     AND n.from_vintage = o.to_vintage
WHERE o.to_vintage IS NOT NULL AND n.iso3 IS NULL
UNION ALL
SELECT DISTINCT n.dataset, n.indicator, n.iso3, n.year, n.from_vintage, CAST(NULL AS VARCHAR(512)), 'appeared',
       CAST(NULL AS VARCHAR(512)), n.value_text, CAST(NULL AS DOUBLE PRECISION), n.value,
       CAST(NULL AS DOUBLE PRECISION), CAST(NULL AS DOUBLE PRECISION), CAST(NULL AS INTEGER), n.forecast
FROM fact_gdp AS n
JOIN dim_scope AS s ON s.dataset = n.dataset AND s.indicator = n.indicator AND s.vintage < n.from_vintage
     AND n.year BETWEEN s.first_year AND s.last_year
LEFT JOIN fact_gdp AS o ON o.dataset = n.dataset AND o.indicator = n.indicator AND o.iso3 = n.iso3 AND o.year = n.year
     AND o.to_vintage = n.from_vintage
WHERE o.iso3 IS NULL;

-- SELECT
SELECT iso3, iso2, m49, name, other_names, region, subregion, region_version FROM dim_country;

-- DELETE
DELETE FROM dim_country;

-- INSERT
INSERT INTO dim_country (iso3, iso2, m49, name, other_names, region, subregion, region_version)
VALUES
($1, $2, $3, $4, $5, $6, $7, $8),
($9, $10, $11, $12, $13, $14, $15, $16),
($17, $18, $19, $20, $21, $22, $23, $24),
($25, $26, $27, $28, $29, $30, $31, $32);

-- SELECT
SELECT label, published, updated, dating FROM dim_vintage WHERE dataset = $1 ORDER BY vintage;

-- UNION, INTERSECT, and EXCEPT
SELECT indicator, vintage, first_year, last_year FROM dim_scope WHERE dataset = $1
UNION ALL
SELECT DISTINCT indicator, vintage, CAST(NULL AS INTEGER), CAST(NULL AS INTEGER) FROM dim_scope_key WHERE dataset = $1;

-- SELECT
SELECT DISTINCT v.vintage, l.channel
FROM etl_batch AS b
JOIN etl_load AS l USING (batch_id)
JOIN dim_vintage AS v USING (dataset, label, updated)
WHERE b.dataset = $1;

-- SELECT
SELECT batch_id FROM etl_batch WHERE batch_id = $1;

-- DELETE
DELETE FROM dim_vintage WHERE dataset = $1 AND label = $2 AND updated = $3;

-- INSERT
INSERT INTO dim_vintage (dataset, label, updated, published, dating, vintage)
VALUES ($1, $2, $3, $4, $5, $6);

-- DELETE
DELETE FROM dim_scope WHERE dataset = $1 AND vintage = $2;

-- INSERT
INSERT INTO dim_scope (dataset, indicator, vintage, first_year, last_year)
VALUES
($1, $2, $3, 2022, 2022),
($4, $5, $6, 2024, 2024);

-- SELECT
SELECT indicator, iso3, CAST(year AS VARCHAR(11)) AS year_text, vintage
FROM dim_scope_key
WHERE dataset = $1 AND indicator = $2
ORDER BY iso3, year, vintage;

-- SELECT
SELECT indicator, iso3, CAST(year AS VARCHAR(11)) AS year_text, from_vintage, to_vintage, value_text,
       CAST(decimals AS VARCHAR(11)) AS decimals_text, coalesce(CAST(forecast AS VARCHAR(11)), '') AS forecast_text
FROM fact_gdp
WHERE dataset = $1 AND indicator = $2
ORDER BY iso3, year, from_vintage;

-- DROP TABLE
DROP TABLE IF EXISTS stage_insert_range;

-- CREATE TABLE
CREATE TEMPORARY TABLE stage_insert_range (LIKE fact_gdp);

-- COPY from columnar data formats; Using a manifest to specify data files
COPY stage_insert_range FROM 's3://world/stage/imf-weo.2024-04/<digest>/insert_range-<digest>.manifest' IAM_ROLE 'arn:aws:iam::123456789012:role/reads-the-stage' FORMAT AS PARQUET MANIFEST;

-- SELECT
SELECT (SELECT count(*) FROM stage_insert_range) AS copied,
       (SELECT count(*) FROM (SELECT DISTINCT dataset, indicator, iso3, year, from_vintage,
                                             to_vintage, value_text, decimals, forecast
                             FROM stage_insert_range) AS r) AS different,
       (SELECT count(*) FROM (SELECT DISTINCT dataset, indicator, iso3, year, from_vintage
                             FROM stage_insert_range) AS k) AS keys;

-- DELETE
DELETE FROM fact_gdp USING stage_insert_range AS s
WHERE fact_gdp.dataset = s.dataset AND fact_gdp.indicator = s.indicator AND fact_gdp.iso3 = s.iso3
  AND fact_gdp.year = s.year AND fact_gdp.from_vintage = s.from_vintage;

-- INSERT; SELECT
INSERT INTO fact_gdp (dataset, indicator, iso3, year, from_vintage, to_vintage, value, value_text, decimals, forecast)
SELECT s.dataset, s.indicator, s.iso3, s.year, s.from_vintage, s.to_vintage, s.value, s.value_text, s.decimals,
       s.forecast
FROM (SELECT dataset, indicator, iso3, year, from_vintage, to_vintage, value, value_text, decimals, forecast,
             row_number() OVER (PARTITION BY dataset, indicator, iso3, year, from_vintage ORDER BY value_text) AS place
      FROM stage_insert_range) AS s
WHERE s.place = 1;

-- SELECT
SELECT count(*) AS found
FROM fact_gdp AS t
JOIN (SELECT DISTINCT dataset, indicator, iso3, year, from_vintage FROM stage_insert_range) AS s
  ON t.dataset = s.dataset AND t.indicator = s.indicator AND t.iso3 = s.iso3 AND t.year = s.year
     AND t.from_vintage = s.from_vintage;

-- INSERT
INSERT INTO etl_manifest (manifest, staged, sha256, bytes, row_count, loaded_at)
VALUES ($1, $2, $3, <bytes>, <rows>, $4);

-- DELETE
DELETE FROM dim_scope_key USING dim_scope AS s
WHERE dim_scope_key.dataset = $1 AND dim_scope_key.vintage = $2
  AND s.dataset = dim_scope_key.dataset AND s.indicator = dim_scope_key.indicator
  AND s.vintage = dim_scope_key.vintage AND dim_scope_key.year BETWEEN s.first_year AND s.last_year;

-- INSERT
INSERT INTO etl_batch (batch_id, dataset, label, updated, digest, figures, picture_year)
VALUES ($1, $2, $3, $4, $5, 3, 0);

-- INSERT; SELECT
INSERT INTO etl_load (run_id, batch_id, channel, archive_id, sha256, url, fetched_at, started_at, loaded_at, accepted)
SELECT b.run_id, b.batch_id, b.channel, b.archive_id, b.sha256, b.url, b.fetched_at, b.started_at, b.loaded_at,
       b.accepted
FROM (SELECT CAST($1 AS VARCHAR(256)) AS run_id, CAST($2 AS VARCHAR(1024)) AS batch_id,
             CAST($3 AS VARCHAR(64)) AS channel, CAST($4 AS VARCHAR(1024)) AS archive_id,
             CAST($5 AS VARCHAR(64)) AS sha256, CAST($6 AS VARCHAR(8192)) AS url,
             CAST($7 AS VARCHAR(64)) AS fetched_at, CAST($8 AS VARCHAR(64)) AS started_at,
             CAST($9 AS VARCHAR(64)) AS loaded_at, CAST($10 AS VARCHAR(256)) AS accepted) AS b
LEFT JOIN etl_load AS l ON l.run_id = b.run_id AND l.batch_id = b.batch_id
WHERE l.run_id IS NULL;

-- INSERT
INSERT INTO dim_scope (dataset, indicator, vintage, first_year, last_year)
VALUES
($1, $2, $3, 2022, 2022),
($4, $5, $6, 2022, 2022),
($7, $8, $9, 2024, 2024);

-- DROP TABLE
DROP TABLE IF EXISTS stage_delete_range;

-- CREATE TABLE
CREATE TEMPORARY TABLE stage_delete_range (
    dataset       VARCHAR(256) NOT NULL,
    indicator     VARCHAR(256) NOT NULL,
    iso3          VARCHAR(3) NOT NULL,
    year          INTEGER NOT NULL,
    from_vintage  VARCHAR(512) NOT NULL
) DISTSTYLE KEY DISTKEY (iso3) COMPOUND SORTKEY (dataset, indicator, year);

-- COPY from columnar data formats; Using a manifest to specify data files
COPY stage_delete_range FROM 's3://world/stage/imf-weo.2024-10_to_2023-10/<digest>/delete_range-<digest>.manifest' IAM_ROLE 'arn:aws:iam::123456789012:role/reads-the-stage' FORMAT AS PARQUET MANIFEST;

-- SELECT
SELECT (SELECT count(*) FROM stage_delete_range) AS copied,
       (SELECT count(*) FROM (SELECT DISTINCT dataset, indicator, iso3, year, from_vintage
                             FROM stage_delete_range) AS r) AS different,
       (SELECT count(*) FROM (SELECT DISTINCT dataset, indicator, iso3, year, from_vintage
                             FROM stage_delete_range) AS k) AS keys;

-- DELETE
DELETE FROM fact_gdp USING stage_delete_range AS s
WHERE fact_gdp.dataset = s.dataset AND fact_gdp.indicator = s.indicator AND fact_gdp.iso3 = s.iso3
  AND fact_gdp.year = s.year AND fact_gdp.from_vintage = s.from_vintage;

-- SELECT
SELECT count(*) AS found
FROM fact_gdp AS t
JOIN (SELECT DISTINCT dataset, indicator, iso3, year, from_vintage FROM stage_delete_range) AS s
  ON t.dataset = s.dataset AND t.indicator = s.indicator AND t.iso3 = s.iso3 AND t.year = s.year
     AND t.from_vintage = s.from_vintage;

-- INSERT
INSERT INTO etl_manifest (manifest, staged, sha256, bytes, row_count, loaded_at)
VALUES ($1, $2, $3, <bytes>, <rows>, $4);

-- COPY from columnar data formats; Using a manifest to specify data files
COPY stage_insert_range FROM 's3://world/stage/imf-weo.2024-10_to_2023-10/<digest>/insert_range-<digest>.manifest' IAM_ROLE 'arn:aws:iam::123456789012:role/reads-the-stage' FORMAT AS PARQUET MANIFEST;

-- INSERT
INSERT INTO etl_manifest (manifest, staged, sha256, bytes, row_count, loaded_at)
VALUES ($1, $2, $3, <bytes>, <rows>, $4);

-- DROP TABLE
DROP TABLE IF EXISTS stage_insert_scope_key;

-- CREATE TABLE
CREATE TEMPORARY TABLE stage_insert_scope_key (LIKE dim_scope_key);

-- COPY from columnar data formats; Using a manifest to specify data files
COPY stage_insert_scope_key FROM 's3://world/stage/imf-weo.2024-10_to_2023-10/<digest>/insert_scope_key-<digest>.manifest' IAM_ROLE 'arn:aws:iam::123456789012:role/reads-the-stage' FORMAT AS PARQUET MANIFEST;

-- SELECT
SELECT (SELECT count(*) FROM stage_insert_scope_key) AS copied,
       (SELECT count(*) FROM (SELECT DISTINCT dataset, indicator, iso3, year, vintage
                             FROM stage_insert_scope_key) AS r) AS different,
       (SELECT count(*) FROM (SELECT DISTINCT dataset, indicator, iso3, year, vintage
                             FROM stage_insert_scope_key) AS k) AS keys;

-- DELETE
DELETE FROM dim_scope_key USING stage_insert_scope_key AS s
WHERE dim_scope_key.dataset = s.dataset AND dim_scope_key.indicator = s.indicator AND dim_scope_key.iso3 = s.iso3
  AND dim_scope_key.year = s.year AND dim_scope_key.vintage = s.vintage;

-- INSERT; SELECT
INSERT INTO dim_scope_key (dataset, indicator, iso3, year, vintage)
SELECT DISTINCT dataset, indicator, iso3, year, vintage FROM stage_insert_scope_key;

-- SELECT
SELECT count(*) AS found
FROM dim_scope_key AS t
JOIN (SELECT DISTINCT dataset, indicator, iso3, year, vintage FROM stage_insert_scope_key) AS s
  ON t.dataset = s.dataset AND t.indicator = s.indicator AND t.iso3 = s.iso3 AND t.year = s.year
     AND t.vintage = s.vintage;

-- INSERT
INSERT INTO etl_manifest (manifest, staged, sha256, bytes, row_count, loaded_at)
VALUES ($1, $2, $3, <bytes>, <rows>, $4);

-- INSERT
INSERT INTO etl_batch (batch_id, dataset, label, updated, digest, figures, picture_year)
VALUES ($1, $2, $3, $4, $5, 2, 0);

-- INSERT
INSERT INTO etl_batch (batch_id, dataset, label, updated, digest, figures, picture_year)
VALUES ($1, $2, $3, $4, $5, 1, 0);

-- DELETE
DELETE FROM Countries_by_GDP;

-- INSERT
INSERT INTO Countries_by_GDP (Country, GDP_USD_billion, GDP_as_published, Region, Subregion, ISO3, Year, Forecast,
                              Dataset, Vintage, Extracted_At)
VALUES
($1, 476.47, $2, $3, $4, $5, 2022, 0,
        $6, $7, $8);

-- DELETE
DELETE FROM picture;

-- INSERT
INSERT INTO picture (id, dataset, label, updated, channel, run_id)
VALUES (1, $1, $2, $3, $4, $5);

-- SELECT
SELECT iso3 FROM dim_country WHERE name = '' OR region = '';

-- WITH clause; ROW_NUMBER window function
WITH alike AS (
    SELECT dataset, indicator, year, from_vintage, to_vintage, count(*) AS figures
    FROM fact_gdp
    GROUP BY dataset, indicator, year, from_vintage, to_vintage
), spoken AS (
    SELECT s.dataset, s.vintage, s.indicator, s.last_year - s.first_year + 1 AS years, count(DISTINCT a.year) AS held_years,
           coalesce(sum(a.figures), 0) AS figures
    FROM dim_scope AS s
    LEFT JOIN alike AS a ON a.dataset = s.dataset AND a.indicator = s.indicator
         AND a.year BETWEEN s.first_year AND s.last_year
         AND a.from_vintage <= s.vintage AND (a.to_vintage IS NULL OR a.to_vintage > s.vintage)
    GROUP BY s.dataset, s.vintage, s.indicator, s.first_year, s.last_year
), counted AS (
    SELECT h.dataset, h.vintage, sum(h.figures) AS figures
    FROM (SELECT dataset, vintage, figures FROM spoken
          UNION ALL
          SELECT k.dataset, k.vintage, 1
          FROM dim_scope_key AS k
          JOIN fact_gdp AS f ON f.dataset = k.dataset AND f.indicator = k.indicator AND f.iso3 = k.iso3
               AND f.year = k.year AND f.from_vintage <= k.vintage
               AND (f.to_vintage IS NULL OR f.to_vintage > k.vintage)) AS h
    GROUP BY h.dataset, h.vintage
), told AS (
    SELECT v.dataset, v.vintage, max(b.figures) AS figures
    FROM etl_batch AS b
    JOIN dim_vintage AS v ON v.dataset = b.dataset AND v.label = b.label AND v.updated = b.updated
    WHERE NOT (v.dating = 'observed' AND v.dataset LIKE 'table:%')
    GROUP BY v.dataset, v.vintage
    HAVING count(*) = 1
)
SELECT t.dataset, t.vintage, 'figures' AS what, t.figures AS expected, coalesce(c.figures, 0) AS held
FROM told AS t
LEFT JOIN counted AS c ON c.dataset = t.dataset AND c.vintage = t.vintage
WHERE t.figures <> coalesce(c.figures, 0)
UNION ALL
SELECT dataset, vintage, 'years of ' || indicator, years, held_years FROM spoken WHERE years <> held_years;

-- LEAD window function
SELECT o.dataset, o.indicator, o.iso3, o.year, o.from_vintage, o.to_vintage, o.next_vintage
FROM (SELECT dataset, indicator, iso3, year, from_vintage, to_vintage,
             lead(from_vintage) OVER (PARTITION BY dataset, indicator, iso3, year ORDER BY from_vintage) AS next_vintage
      FROM fact_gdp) AS o
WHERE o.next_vintage IS NOT NULL AND (o.to_vintage IS NULL OR o.to_vintage > o.next_vintage);

-- UNION, INTERSECT, and EXCEPT
SELECT 'dim_country' AS twice, iso3 AS key FROM dim_country GROUP BY iso3 HAVING count(*) > 1
UNION ALL
SELECT 'dim_vintage', dataset || ' ' || vintage FROM dim_vintage GROUP BY dataset, vintage HAVING count(*) > 1
UNION ALL
SELECT 'dim_scope', dataset || ' ' || indicator || ' ' || vintage
FROM dim_scope GROUP BY dataset, indicator, vintage, first_year HAVING count(*) > 1
UNION ALL
SELECT 'dim_scope_key', dataset || ' ' || indicator || ' ' || iso3 || ' ' || vintage
FROM dim_scope_key GROUP BY dataset, indicator, iso3, year, vintage HAVING count(*) > 1
UNION ALL
SELECT 'etl_batch', batch_id FROM etl_batch GROUP BY batch_id HAVING count(*) > 1
UNION ALL
SELECT 'etl_load', run_id || ' ' || batch_id FROM etl_load GROUP BY run_id, batch_id HAVING count(*) > 1
UNION ALL
SELECT 'Countries_by_GDP', ISO3 FROM Countries_by_GDP GROUP BY ISO3 HAVING count(*) > 1;

-- Correlated subqueries
SELECT 'country' AS missing, f.iso3 AS key
FROM (SELECT DISTINCT iso3 FROM fact_gdp UNION SELECT DISTINCT iso3 FROM dim_scope_key) AS f
WHERE NOT EXISTS (SELECT 1 FROM dim_country AS c WHERE c.iso3 = f.iso3)
UNION ALL
SELECT 'vintage', f.dataset || ' ' || f.vintage
FROM (SELECT DISTINCT dataset, from_vintage AS vintage FROM fact_gdp
      UNION SELECT DISTINCT dataset, to_vintage FROM fact_gdp WHERE to_vintage IS NOT NULL
      UNION SELECT DISTINCT dataset, vintage FROM dim_scope_key
      UNION SELECT dataset, vintage FROM dim_scope) AS f
WHERE NOT EXISTS (SELECT 1 FROM dim_vintage AS v WHERE v.dataset = f.dataset AND v.vintage = f.vintage)
UNION ALL
SELECT 'arrival', b.batch_id
FROM etl_batch AS b WHERE NOT EXISTS (SELECT 1 FROM etl_load AS l WHERE l.batch_id = b.batch_id);

-- Correlated subqueries
SELECT 'batch' AS missing, v.dataset, v.vintage AS key
FROM dim_vintage AS v
WHERE NOT EXISTS (
      SELECT 1 FROM etl_batch AS b WHERE b.dataset = v.dataset AND b.label = v.label AND b.updated = v.updated)
UNION ALL
SELECT 'vintage', b.dataset, b.batch_id
FROM etl_batch AS b
WHERE NOT EXISTS (
      SELECT 1 FROM dim_vintage AS v WHERE v.dataset = b.dataset AND v.label = b.label AND v.updated = b.updated);

-- COMMIT
commit;

-- ANALYZE
ANALYZE fact_gdp;

-- SVV_MV_INFO
SELECT trim(name) AS name FROM svv_mv_info WHERE schema_name = $1;

-- DROP MATERIALIZED VIEW
DROP MATERIALIZED VIEW IF EXISTS newest_figures;

-- CREATE MATERIALIZED VIEW
CREATE MATERIALIZED VIEW newest_figures DISTSTYLE KEY DISTKEY (iso3) SORTKEY (dataset, indicator, year) AS
SELECT f.dataset, f.indicator, f.iso3, c.name AS country, c.region, c.subregion, f.year, f.value, f.value_text,
       f.forecast, f.from_vintage AS since_vintage
FROM fact_gdp AS f
JOIN dim_country AS c ON c.iso3 = f.iso3
WHERE f.to_vintage IS NULL;

-- DROP MATERIALIZED VIEW
DROP MATERIALIZED VIEW IF EXISTS region_top5;

-- CREATE MATERIALIZED VIEW
CREATE MATERIALIZED VIEW region_top5 DISTSTYLE ALL SORTKEY (dataset, year) AS
SELECT k.dataset, k.vintage, k.year, k.region, sum(k.value) AS sum_billion,
       avg(CASE WHEN k.place <= 5 THEN k.value END) AS top5_mean_billion, count(*) AS economies
FROM (SELECT f.dataset, v.vintage, f.year, c.region, f.iso3, f.value,
             row_number() OVER (PARTITION BY f.dataset, f.year, c.region ORDER BY f.value DESC, f.iso3) AS place
      FROM fact_gdp AS f
      JOIN (SELECT dataset, max(vintage) AS vintage FROM dim_vintage GROUP BY dataset) AS v ON v.dataset = f.dataset
           AND f.from_vintage <= v.vintage AND (f.to_vintage IS NULL OR f.to_vintage > v.vintage)
      JOIN dim_country AS c ON c.iso3 = f.iso3
      WHERE f.indicator = 'NGDPD') AS k
GROUP BY k.dataset, k.vintage, k.year, k.region;

-- DROP MATERIALIZED VIEW
DROP MATERIALIZED VIEW IF EXISTS revisions;

-- CREATE MATERIALIZED VIEW
CREATE MATERIALIZED VIEW revisions DISTSTYLE KEY DISTKEY (iso3) SORTKEY (dataset, indicator, vintage) AS
SELECT r.dataset, r.indicator, r.iso3, c.name AS country, c.region, r.year, r.vintage, r.old_vintage, r.kind,
       r.old_value, r.new_value, r.change, r."percent"
FROM (SELECT o.dataset, o.indicator, o.iso3, o.year, n.from_vintage AS vintage, o.from_vintage AS old_vintage,
             CASE WHEN abs(n.value - o.value) > 1.0001
                       * CAST('5e' || CAST(-1 - least(o.decimals, n.decimals) AS VARCHAR(11)) AS DOUBLE PRECISION)
                       THEN 'revised'
                  WHEN o.forecast = 1 THEN 'confirmed' ELSE 'reopened' END AS kind,
             o.value_text AS old_text, n.value_text AS new_text, o.value AS old_value, n.value AS new_value,
             n.value - o.value AS change, 100.0 * (n.value - o.value) / nullif(abs(o.value), 0) AS "percent",
             o.forecast AS old_forecast, n.forecast AS new_forecast
      FROM fact_gdp AS o
      JOIN fact_gdp AS n ON n.dataset = o.dataset AND n.indicator = o.indicator AND n.iso3 = o.iso3 AND n.year = o.year
           AND n.from_vintage = o.to_vintage
      WHERE abs(n.value - o.value) > 1.0001
                       * CAST('5e' || CAST(-1 - least(o.decimals, n.decimals) AS VARCHAR(11)) AS DOUBLE PRECISION)
            OR o.forecast <> n.forecast
      UNION ALL
      SELECT o.dataset, o.indicator, o.iso3, o.year, o.to_vintage, o.from_vintage, 'withdrawn', o.value_text,
             CAST(NULL AS VARCHAR(512)), o.value, CAST(NULL AS DOUBLE PRECISION), CAST(NULL AS DOUBLE PRECISION),
             CAST(NULL AS DOUBLE PRECISION), o.forecast, CAST(NULL AS INTEGER)
      FROM fact_gdp AS o
      LEFT JOIN fact_gdp AS n ON n.dataset = o.dataset AND n.indicator = o.indicator AND n.iso3 = o.iso3
           AND n.year = o.year
           AND n.from_vintage = o.to_vintage
      WHERE o.to_vintage IS NOT NULL AND n.iso3 IS NULL
      UNION ALL
      SELECT DISTINCT n.dataset, n.indicator, n.iso3, n.year, n.from_vintage, CAST(NULL AS VARCHAR(512)), 'appeared',
             CAST(NULL AS VARCHAR(512)), n.value_text, CAST(NULL AS DOUBLE PRECISION), n.value,
             CAST(NULL AS DOUBLE PRECISION), CAST(NULL AS DOUBLE PRECISION), CAST(NULL AS INTEGER), n.forecast
      FROM fact_gdp AS n
      JOIN dim_scope AS s ON s.dataset = n.dataset AND s.indicator = n.indicator AND s.vintage < n.from_vintage
           AND n.year BETWEEN s.first_year AND s.last_year
      LEFT JOIN fact_gdp AS o ON o.dataset = n.dataset AND o.indicator = n.indicator AND o.iso3 = n.iso3
           AND o.year = n.year
           AND o.to_vintage = n.from_vintage
      WHERE o.iso3 IS NULL) AS r
JOIN dim_country AS c ON c.iso3 = r.iso3;
