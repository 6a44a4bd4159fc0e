-- enable_case_sensitive_identifier
SET enable_case_sensitive_identifier TO true;

-- Querying the catalog tables
SELECT schema_name AS name FROM information_schema.schemata WHERE schema_name = $1;

-- Querying the catalog tables
SELECT table_name AS name FROM information_schema.tables WHERE table_schema = $1;

-- search_path
SET search_path TO world_economies;

-- SELECT
SELECT max(version) AS version FROM etl_schema;

-- BEGIN
begin transaction;

-- statement_timeout
SET statement_timeout TO 10000;

-- LOCK
LOCK etl_lock;

-- statement_timeout
SET statement_timeout TO 0;

-- SELECT
SELECT name, sha256 FROM etl_view;

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

-- REFRESH MATERIALIZED VIEW
REFRESH MATERIALIZED VIEW newest_figures;

-- REFRESH MATERIALIZED VIEW
REFRESH MATERIALIZED VIEW region_top5;

-- REFRESH MATERIALIZED VIEW
REFRESH MATERIALIZED VIEW revisions;
