-- Querying the catalog tables
SELECT schema_name AS name FROM information_schema.schemata WHERE schema_name = $1;

-- Querying the catalog tables
SELECT table_name AS name FROM information_schema.tables WHERE table_schema = $1;

-- SELECT
SELECT max(version) AS version FROM etl_schema;

-- SELECT
SELECT name, sha256 FROM etl_view;

-- SELECT
SELECT batch_id FROM etl_batch WHERE batch_id = $1;

-- SELECT
SELECT l.channel, l.fetched_at, b.picture_year
FROM etl_batch AS b
JOIN etl_load AS l USING (batch_id)
WHERE b.dataset = $1 AND b.label = $2 AND b.updated = $3
ORDER BY l.fetched_at DESC, b.batch_id;

-- SELECT
SELECT iso3, year, value
FROM fact_gdp
WHERE dataset = $1 AND indicator = $2
  AND from_vintage <= $3 AND (to_vintage IS NULL OR to_vintage > $3)
ORDER BY iso3, year;

-- SELECT
SELECT batch_id, count(*) AS times FROM etl_load GROUP BY batch_id ORDER BY batch_id;

-- SELECT
SELECT v.label, v.published, v.updated, v.dating
FROM etl_batch AS b
JOIN dim_vintage AS v USING (dataset, label, updated)
WHERE b.batch_id = $1;

-- WITH clause; ROW_NUMBER window function
WITH pairs AS (
    SELECT o.iso3, o.year, o.value_text AS old_text, n.value_text AS new_text,
           o.forecast AS old_forecast, n.forecast AS new_forecast,
           CASE WHEN n.iso3 IS NULL THEN 'withdrawn'
                WHEN abs(n.value - o.value) > 1.0001
                     * CAST('5e' || CAST(-1 - least(o.decimals, n.decimals) AS VARCHAR(11)) AS DOUBLE PRECISION)
                     THEN 'revised'
                WHEN o.forecast = 1 AND n.forecast = 0 THEN 'confirmed'
                WHEN o.forecast = 0 AND n.forecast = 1 THEN 'reopened' END AS kind
    FROM fact_gdp AS o
    LEFT JOIN fact_gdp AS n ON n.dataset = o.dataset AND n.indicator = o.indicator AND n.iso3 = o.iso3
         AND n.year = o.year AND n.from_vintage <= $1 AND (n.to_vintage IS NULL OR n.to_vintage > $1)
    WHERE o.dataset = $2 AND o.indicator = $3
      AND o.from_vintage <= $4 AND o.to_vintage > $4 AND o.to_vintage <= $1
    UNION ALL
    SELECT DISTINCT n.iso3, n.year, CAST(NULL AS VARCHAR(512)), n.value_text, CAST(NULL AS INTEGER), n.forecast,
           'appeared'
    FROM fact_gdp AS n
    JOIN dim_scope AS s ON s.dataset = n.dataset AND s.indicator = n.indicator AND s.vintage <= $4
         AND n.year BETWEEN s.first_year AND s.last_year
    LEFT JOIN fact_gdp AS o ON o.dataset = n.dataset AND o.indicator = n.indicator AND o.iso3 = n.iso3
         AND o.year = n.year AND o.from_vintage <= $4 AND (o.to_vintage IS NULL OR o.to_vintage > $4)
    WHERE n.dataset = $2 AND n.indicator = $3
      AND n.from_vintage > $4 AND n.from_vintage <= $1 AND (n.to_vintage IS NULL OR n.to_vintage > $1)
      AND o.iso3 IS NULL
)
SELECT c.name AS "Country", p.iso3 AS "ISO3", p.year AS "Year", p.kind,
       p.old_text, p.new_text, p.old_forecast, p.new_forecast
FROM pairs AS p
JOIN dim_country AS c USING (iso3)
WHERE p.kind IS NOT NULL AND ($5 IS NULL OR p.iso3 = $5) AND (2022 IS NULL OR p.year = 2022)
  AND (NULL IS NULL OR c.region = NULL)
ORDER BY p.iso3, p.year;

-- WITH clause; ROW_NUMBER window function
WITH pairs AS (
    SELECT o.iso3, o.year, o.value_text AS old_text, n.value_text AS new_text,
           o.forecast AS old_forecast, n.forecast AS new_forecast,
           CASE WHEN n.iso3 IS NULL THEN 'withdrawn'
                WHEN abs(n.value - o.value) > 1.0001
                     * CAST('5e' || CAST(-1 - least(o.decimals, n.decimals) AS VARCHAR(11)) AS DOUBLE PRECISION)
                     THEN 'revised'
                WHEN o.forecast = 1 AND n.forecast = 0 THEN 'confirmed'
                WHEN o.forecast = 0 AND n.forecast = 1 THEN 'reopened' END AS kind
    FROM fact_gdp AS o
    LEFT JOIN fact_gdp AS n ON n.dataset = o.dataset AND n.indicator = o.indicator AND n.iso3 = o.iso3
         AND n.year = o.year AND n.from_vintage <= $1 AND (n.to_vintage IS NULL OR n.to_vintage > $1)
    WHERE o.dataset = $2 AND o.indicator = $3
      AND o.from_vintage <= $4 AND o.to_vintage > $4 AND o.to_vintage <= $1
    UNION ALL
    SELECT DISTINCT n.iso3, n.year, CAST(NULL AS VARCHAR(512)), n.value_text, CAST(NULL AS INTEGER), n.forecast,
           'appeared'
    FROM fact_gdp AS n
    JOIN dim_scope AS s ON s.dataset = n.dataset AND s.indicator = n.indicator AND s.vintage <= $4
         AND n.year BETWEEN s.first_year AND s.last_year
    LEFT JOIN fact_gdp AS o ON o.dataset = n.dataset AND o.indicator = n.indicator AND o.iso3 = n.iso3
         AND o.year = n.year AND o.from_vintage <= $4 AND (o.to_vintage IS NULL OR o.to_vintage > $4)
    WHERE n.dataset = $2 AND n.indicator = $3
      AND n.from_vintage > $4 AND n.from_vintage <= $1 AND (n.to_vintage IS NULL OR n.to_vintage > $1)
      AND o.iso3 IS NULL
)
SELECT c.name AS "Country", p.iso3 AS "ISO3", p.year AS "Year", p.kind,
       p.old_text, p.new_text, p.old_forecast, p.new_forecast
FROM pairs AS p
JOIN dim_country AS c USING (iso3)
WHERE p.kind IS NOT NULL AND (NULL IS NULL OR p.iso3 = NULL) AND (NULL IS NULL OR p.year = NULL)
  AND ($5 IS NULL OR c.region = $5)
ORDER BY p.iso3, p.year;

-- WITH clause; ROW_NUMBER window function
WITH pairs AS (
    SELECT o.iso3, o.year, o.value_text AS old_text, n.value_text AS new_text,
           o.forecast AS old_forecast, n.forecast AS new_forecast,
           CASE WHEN n.iso3 IS NULL THEN 'withdrawn'
                WHEN abs(n.value - o.value) > 1.0001
                     * CAST('5e' || CAST(-1 - least(o.decimals, n.decimals) AS VARCHAR(11)) AS DOUBLE PRECISION)
                     THEN 'revised'
                WHEN o.forecast = 1 AND n.forecast = 0 THEN 'confirmed'
                WHEN o.forecast = 0 AND n.forecast = 1 THEN 'reopened' END AS kind
    FROM fact_gdp AS o
    LEFT JOIN fact_gdp AS n ON n.dataset = o.dataset AND n.indicator = o.indicator AND n.iso3 = o.iso3
         AND n.year = o.year AND n.from_vintage <= $1 AND (n.to_vintage IS NULL OR n.to_vintage > $1)
    WHERE o.dataset = $2 AND o.indicator = $3
      AND o.from_vintage <= $4 AND o.to_vintage > $4 AND o.to_vintage <= $1
    UNION ALL
    SELECT DISTINCT n.iso3, n.year, CAST(NULL AS VARCHAR(512)), n.value_text, CAST(NULL AS INTEGER), n.forecast,
           'appeared'
    FROM fact_gdp AS n
    JOIN dim_scope AS s ON s.dataset = n.dataset AND s.indicator = n.indicator AND s.vintage <= $4
         AND n.year BETWEEN s.first_year AND s.last_year
    LEFT JOIN fact_gdp AS o ON o.dataset = n.dataset AND o.indicator = n.indicator AND o.iso3 = n.iso3
         AND o.year = n.year AND o.from_vintage <= $4 AND (o.to_vintage IS NULL OR o.to_vintage > $4)
    WHERE n.dataset = $2 AND n.indicator = $3
      AND n.from_vintage > $4 AND n.from_vintage <= $1 AND (n.to_vintage IS NULL OR n.to_vintage > $1)
      AND o.iso3 IS NULL
)
SELECT c.name AS "Country", p.iso3 AS "ISO3", p.year AS "Year", p.kind,
       p.old_text, p.new_text, p.old_forecast, p.new_forecast
FROM pairs AS p
JOIN dim_country AS c USING (iso3)
WHERE p.kind IS NOT NULL AND ($5 IS NULL OR p.iso3 = $5) AND (2022 IS NULL OR p.year = 2022)
  AND ($6 IS NULL OR c.region = $6)
ORDER BY p.iso3, p.year;

-- WITH clause; ROW_NUMBER window function
WITH pairs AS (
    SELECT o.iso3, o.year, o.value_text AS old_text, n.value_text AS new_text,
           o.forecast AS old_forecast, n.forecast AS new_forecast,
           CASE WHEN n.iso3 IS NULL THEN 'withdrawn'
                WHEN abs(n.value - o.value) > 1.0001
                     * CAST('5e' || CAST(-1 - least(o.decimals, n.decimals) AS VARCHAR(11)) AS DOUBLE PRECISION)
                     THEN 'revised'
                WHEN o.forecast = 1 AND n.forecast = 0 THEN 'confirmed'
                WHEN o.forecast = 0 AND n.forecast = 1 THEN 'reopened' END AS kind
    FROM fact_gdp AS o
    LEFT JOIN fact_gdp AS n ON n.dataset = o.dataset AND n.indicator = o.indicator AND n.iso3 = o.iso3
         AND n.year = o.year AND n.from_vintage <= $1 AND (n.to_vintage IS NULL OR n.to_vintage > $1)
    WHERE o.dataset = $2 AND o.indicator = $3
      AND o.from_vintage <= $4 AND o.to_vintage > $4 AND o.to_vintage <= $1
    UNION ALL
    SELECT DISTINCT n.iso3, n.year, CAST(NULL AS VARCHAR(512)), n.value_text, CAST(NULL AS INTEGER), n.forecast,
           'appeared'
    FROM fact_gdp AS n
    JOIN dim_scope AS s ON s.dataset = n.dataset AND s.indicator = n.indicator AND s.vintage <= $4
         AND n.year BETWEEN s.first_year AND s.last_year
    LEFT JOIN fact_gdp AS o ON o.dataset = n.dataset AND o.indicator = n.indicator AND o.iso3 = n.iso3
         AND o.year = n.year AND o.from_vintage <= $4 AND (o.to_vintage IS NULL OR o.to_vintage > $4)
    WHERE n.dataset = $2 AND n.indicator = $3
      AND n.from_vintage > $4 AND n.from_vintage <= $1 AND (n.to_vintage IS NULL OR n.to_vintage > $1)
      AND o.iso3 IS NULL
)
SELECT c.name AS "Country", p.iso3 AS "ISO3", p.year AS "Year", p.kind,
       p.old_text, p.new_text, p.old_forecast, p.new_forecast
FROM pairs AS p
JOIN dim_country AS c USING (iso3)
WHERE p.kind IS NOT NULL AND ($5 IS NULL OR p.iso3 = $5) AND (0 IS NULL OR p.year = 0)
  AND (NULL IS NULL OR c.region = NULL)
ORDER BY p.iso3, p.year;

-- SELECT
SELECT DISTINCT v.vintage, l.channel
FROM etl_batch AS b
JOIN etl_load AS l USING (batch_id)
JOIN dim_vintage AS v USING (dataset, label, updated)
WHERE b.dataset = $1;

-- SELECT
SELECT iso3, name, region, subregion FROM dim_country ORDER BY iso3;

-- SELECT
SELECT f.iso3, f.year, f.value_text, f.decimals, f.forecast
FROM fact_gdp AS f
WHERE f.dataset = $1 AND f.indicator = $2 AND f.to_vintage IS NULL
  AND ($3 IS NULL OR f.iso3 = $3) AND (2022 IS NULL OR f.year = 2022)
ORDER BY f.iso3, f.year;

-- SELECT
SELECT f.iso3, f.year, f.value_text, f.decimals, f.forecast
FROM fact_gdp AS f
WHERE f.dataset = $1 AND f.indicator = $2 AND f.to_vintage IS NULL
  AND (NULL IS NULL OR f.iso3 = NULL) AND (NULL IS NULL OR f.year = NULL)
ORDER BY f.iso3, f.year;

-- SELECT
SELECT f.iso3, f.year, f.value_text, f.decimals, f.forecast
FROM fact_gdp AS f
WHERE f.dataset = $1 AND f.indicator = $2 AND f.to_vintage IS NULL
  AND ($3 IS NULL OR f.iso3 = $3) AND (0 IS NULL OR f.year = 0)
ORDER BY f.iso3, f.year;

-- WITH clause; ROW_NUMBER window function
WITH held AS (
    SELECT f.iso3, f.year, f.value, f.value_text, f.forecast,
           row_number() OVER (PARTITION BY f.iso3 ORDER BY f.year DESC) AS place
    FROM fact_gdp AS f
    LEFT JOIN dim_scope_key AS k ON k.dataset = f.dataset AND k.indicator = f.indicator AND k.iso3 = f.iso3
         AND k.year = f.year AND k.vintage = $1
    WHERE 0 = 0 AND f.dataset = $2 AND f.indicator = 'NGDPD' AND (2022 IS NULL OR f.year = 2022)
      AND f.from_vintage <= $1 AND (f.to_vintage IS NULL OR f.to_vintage > $1)
      AND (0 = 0 OR k.iso3 IS NOT NULL)
),
shown AS (
    SELECT Country, CAST(GDP_as_published AS DOUBLE PRECISION) AS gdp, GDP_as_published, Region, Subregion, ISO3,
           Year, Forecast
    FROM Countries_by_GDP
    WHERE 0 = 1
    UNION ALL
    SELECT c.name, h.value, h.value_text, c.region, c.subregion, h.iso3, h.year, h.forecast
    FROM held AS h
    JOIN dim_country AS c USING (iso3)
    WHERE h.place = 1
)
SELECT r.*
FROM (SELECT row_number() OVER (ORDER BY s.gdp DESC, s.ISO3) AS "Rank",
             s.Country AS "Country", s.GDP_as_published AS "GDP_USD_billion",
             growth.value AS "Growth_percent", head.value AS "GDP_per_head_USD",
             people.value AS "Population_million", prices.value AS "Inflation_percent",
             s.Region AS "Region", s.Subregion AS "Subregion", s.ISO3 AS "ISO3", s.Year AS "Year",
             s.Forecast AS "Forecast"
      FROM shown AS s
      LEFT JOIN fact_gdp AS growth ON growth.dataset = $2 AND growth.indicator = 'NGDP_RPCH'
           AND growth.iso3 = s.ISO3 AND growth.year = s.Year
           AND growth.from_vintage <= $1 AND (growth.to_vintage IS NULL OR growth.to_vintage > $1)
      LEFT JOIN fact_gdp AS head ON head.dataset = $2 AND head.indicator = 'NGDPDPC'
           AND head.iso3 = s.ISO3 AND head.year = s.Year
           AND head.from_vintage <= $1 AND (head.to_vintage IS NULL OR head.to_vintage > $1)
      LEFT JOIN fact_gdp AS people ON people.dataset = $2 AND people.indicator = 'LP'
           AND people.iso3 = s.ISO3 AND people.year = s.Year
           AND people.from_vintage <= $1 AND (people.to_vintage IS NULL OR people.to_vintage > $1)
      LEFT JOIN fact_gdp AS prices ON prices.dataset = $2 AND prices.indicator = 'PCPIPCH'
           AND prices.iso3 = s.ISO3 AND prices.year = s.Year
           AND prices.from_vintage <= $1 AND (prices.to_vintage IS NULL OR prices.to_vintage > $1)
      WHERE s.gdp >= 1.5 AND (NULL IS NULL OR s.Region = NULL)) AS r
WHERE r."Rank" <= coalesce(NULL, 1000000000)
ORDER BY r."Rank";

-- WITH clause; ROW_NUMBER window function
WITH held AS (
    SELECT f.iso3, f.year, f.value, f.value_text, f.forecast,
           row_number() OVER (PARTITION BY f.iso3 ORDER BY f.year DESC) AS place
    FROM fact_gdp AS f
    LEFT JOIN dim_scope_key AS k ON k.dataset = f.dataset AND k.indicator = f.indicator AND k.iso3 = f.iso3
         AND k.year = f.year AND k.vintage = $1
    WHERE 0 = 0 AND f.dataset = $2 AND f.indicator = 'NGDPD' AND (NULL IS NULL OR f.year = NULL)
      AND f.from_vintage <= $1 AND (f.to_vintage IS NULL OR f.to_vintage > $1)
      AND (0 = 0 OR k.iso3 IS NOT NULL)
),
shown AS (
    SELECT Country, CAST(GDP_as_published AS DOUBLE PRECISION) AS gdp, GDP_as_published, Region, Subregion, ISO3,
           Year, Forecast
    FROM Countries_by_GDP
    WHERE 0 = 1
    UNION ALL
    SELECT c.name, h.value, h.value_text, c.region, c.subregion, h.iso3, h.year, h.forecast
    FROM held AS h
    JOIN dim_country AS c USING (iso3)
    WHERE h.place = 1
)
SELECT r.*
FROM (SELECT row_number() OVER (ORDER BY s.gdp DESC, s.ISO3) AS "Rank",
             s.Country AS "Country", s.GDP_as_published AS "GDP_USD_billion",
             growth.value AS "Growth_percent", head.value AS "GDP_per_head_USD",
             people.value AS "Population_million", prices.value AS "Inflation_percent",
             s.Region AS "Region", s.Subregion AS "Subregion", s.ISO3 AS "ISO3", s.Year AS "Year",
             s.Forecast AS "Forecast"
      FROM shown AS s
      LEFT JOIN fact_gdp AS growth ON growth.dataset = $2 AND growth.indicator = 'NGDP_RPCH'
           AND growth.iso3 = s.ISO3 AND growth.year = s.Year
           AND growth.from_vintage <= $1 AND (growth.to_vintage IS NULL OR growth.to_vintage > $1)
      LEFT JOIN fact_gdp AS head ON head.dataset = $2 AND head.indicator = 'NGDPDPC'
           AND head.iso3 = s.ISO3 AND head.year = s.Year
           AND head.from_vintage <= $1 AND (head.to_vintage IS NULL OR head.to_vintage > $1)
      LEFT JOIN fact_gdp AS people ON people.dataset = $2 AND people.indicator = 'LP'
           AND people.iso3 = s.ISO3 AND people.year = s.Year
           AND people.from_vintage <= $1 AND (people.to_vintage IS NULL OR people.to_vintage > $1)
      LEFT JOIN fact_gdp AS prices ON prices.dataset = $2 AND prices.indicator = 'PCPIPCH'
           AND prices.iso3 = s.ISO3 AND prices.year = s.Year
           AND prices.from_vintage <= $1 AND (prices.to_vintage IS NULL OR prices.to_vintage > $1)
      WHERE s.gdp >= 1.5 AND ($3 IS NULL OR s.Region = $3)) AS r
WHERE r."Rank" <= coalesce(1, 1000000000)
ORDER BY r."Rank";

-- WITH clause; ROW_NUMBER window function
WITH held AS (
    SELECT f.iso3, f.year, f.value, f.value_text, f.forecast,
           row_number() OVER (PARTITION BY f.iso3 ORDER BY f.year DESC) AS place
    FROM fact_gdp AS f
    LEFT JOIN dim_scope_key AS k ON k.dataset = f.dataset AND k.indicator = f.indicator AND k.iso3 = f.iso3
         AND k.year = f.year AND k.vintage = $1
    WHERE 1 = 0 AND f.dataset = $2 AND f.indicator = 'NGDPD' AND (2022 IS NULL OR f.year = 2022)
      AND f.from_vintage <= $1 AND (f.to_vintage IS NULL OR f.to_vintage > $1)
      AND (0 = 0 OR k.iso3 IS NOT NULL)
),
shown AS (
    SELECT Country, CAST(GDP_as_published AS DOUBLE PRECISION) AS gdp, GDP_as_published, Region, Subregion, ISO3,
           Year, Forecast
    FROM Countries_by_GDP
    WHERE 1 = 1
    UNION ALL
    SELECT c.name, h.value, h.value_text, c.region, c.subregion, h.iso3, h.year, h.forecast
    FROM held AS h
    JOIN dim_country AS c USING (iso3)
    WHERE h.place = 1
)
SELECT r.*
FROM (SELECT row_number() OVER (ORDER BY s.gdp DESC, s.ISO3) AS "Rank",
             s.Country AS "Country", s.GDP_as_published AS "GDP_USD_billion",
             growth.value AS "Growth_percent", head.value AS "GDP_per_head_USD",
             people.value AS "Population_million", prices.value AS "Inflation_percent",
             s.Region AS "Region", s.Subregion AS "Subregion", s.ISO3 AS "ISO3", s.Year AS "Year",
             s.Forecast AS "Forecast"
      FROM shown AS s
      LEFT JOIN fact_gdp AS growth ON growth.dataset = $2 AND growth.indicator = 'NGDP_RPCH'
           AND growth.iso3 = s.ISO3 AND growth.year = s.Year
           AND growth.from_vintage <= $1 AND (growth.to_vintage IS NULL OR growth.to_vintage > $1)
      LEFT JOIN fact_gdp AS head ON head.dataset = $2 AND head.indicator = 'NGDPDPC'
           AND head.iso3 = s.ISO3 AND head.year = s.Year
           AND head.from_vintage <= $1 AND (head.to_vintage IS NULL OR head.to_vintage > $1)
      LEFT JOIN fact_gdp AS people ON people.dataset = $2 AND people.indicator = 'LP'
           AND people.iso3 = s.ISO3 AND people.year = s.Year
           AND people.from_vintage <= $1 AND (people.to_vintage IS NULL OR people.to_vintage > $1)
      LEFT JOIN fact_gdp AS prices ON prices.dataset = $2 AND prices.indicator = 'PCPIPCH'
           AND prices.iso3 = s.ISO3 AND prices.year = s.Year
           AND prices.from_vintage <= $1 AND (prices.to_vintage IS NULL OR prices.to_vintage > $1)
      WHERE s.gdp >= 1.5 AND (NULL IS NULL OR s.Region = NULL)) AS r
WHERE r."Rank" <= coalesce(5, 1000000000)
ORDER BY r."Rank";

-- WITH clause; ROW_NUMBER window function
WITH held AS (
    SELECT f.iso3, f.year, f.value, f.value_text, f.forecast,
           row_number() OVER (PARTITION BY f.iso3 ORDER BY f.year DESC) AS place
    FROM fact_gdp AS f
    LEFT JOIN dim_scope_key AS k ON k.dataset = f.dataset AND k.indicator = f.indicator AND k.iso3 = f.iso3
         AND k.year = f.year AND k.vintage = $1
    WHERE 0 = 0 AND f.dataset = $2 AND f.indicator = 'NGDPD' AND (2022 IS NULL OR f.year = 2022)
      AND f.from_vintage <= $1 AND (f.to_vintage IS NULL OR f.to_vintage > $1)
      AND (1 = 0 OR k.iso3 IS NOT NULL)
),
shown AS (
    SELECT Country, CAST(GDP_as_published AS DOUBLE PRECISION) AS gdp, GDP_as_published, Region, Subregion, ISO3,
           Year, Forecast
    FROM Countries_by_GDP
    WHERE 0 = 1
    UNION ALL
    SELECT c.name, h.value, h.value_text, c.region, c.subregion, h.iso3, h.year, h.forecast
    FROM held AS h
    JOIN dim_country AS c USING (iso3)
    WHERE h.place = 1
)
SELECT r.*
FROM (SELECT row_number() OVER (ORDER BY s.gdp DESC, s.ISO3) AS "Rank",
             s.Country AS "Country", s.GDP_as_published AS "GDP_USD_billion",
             growth.value AS "Growth_percent", head.value AS "GDP_per_head_USD",
             people.value AS "Population_million", prices.value AS "Inflation_percent",
             s.Region AS "Region", s.Subregion AS "Subregion", s.ISO3 AS "ISO3", s.Year AS "Year",
             s.Forecast AS "Forecast"
      FROM shown AS s
      LEFT JOIN fact_gdp AS growth ON growth.dataset = $2 AND growth.indicator = 'NGDP_RPCH'
           AND growth.iso3 = s.ISO3 AND growth.year = s.Year
           AND growth.from_vintage <= $1 AND (growth.to_vintage IS NULL OR growth.to_vintage > $1)
      LEFT JOIN fact_gdp AS head ON head.dataset = $2 AND head.indicator = 'NGDPDPC'
           AND head.iso3 = s.ISO3 AND head.year = s.Year
           AND head.from_vintage <= $1 AND (head.to_vintage IS NULL OR head.to_vintage > $1)
      LEFT JOIN fact_gdp AS people ON people.dataset = $2 AND people.indicator = 'LP'
           AND people.iso3 = s.ISO3 AND people.year = s.Year
           AND people.from_vintage <= $1 AND (people.to_vintage IS NULL OR people.to_vintage > $1)
      LEFT JOIN fact_gdp AS prices ON prices.dataset = $2 AND prices.indicator = 'PCPIPCH'
           AND prices.iso3 = s.ISO3 AND prices.year = s.Year
           AND prices.from_vintage <= $1 AND (prices.to_vintage IS NULL OR prices.to_vintage > $1)
      WHERE s.gdp >= 1.5 AND ($3 IS NULL OR s.Region = $3)) AS r
WHERE r."Rank" <= coalesce(NULL, 1000000000)
ORDER BY r."Rank";

-- WITH clause; ROW_NUMBER window function
WITH held AS (
    SELECT f.iso3, f.year, f.value, f.value_text, f.forecast,
           row_number() OVER (PARTITION BY f.iso3 ORDER BY f.year DESC) AS place
    FROM fact_gdp AS f
    LEFT JOIN dim_scope_key AS k ON k.dataset = f.dataset AND k.indicator = f.indicator AND k.iso3 = f.iso3
         AND k.year = f.year AND k.vintage = $1
    WHERE 0 = 0 AND f.dataset = $2 AND f.indicator = 'NGDPD' AND (0 IS NULL OR f.year = 0)
      AND f.from_vintage <= $1 AND (f.to_vintage IS NULL OR f.to_vintage > $1)
      AND (1 = 0 OR k.iso3 IS NOT NULL)
),
shown AS (
    SELECT Country, CAST(GDP_as_published AS DOUBLE PRECISION) AS gdp, GDP_as_published, Region, Subregion, ISO3,
           Year, Forecast
    FROM Countries_by_GDP
    WHERE 0 = 1
    UNION ALL
    SELECT c.name, h.value, h.value_text, c.region, c.subregion, h.iso3, h.year, h.forecast
    FROM held AS h
    JOIN dim_country AS c USING (iso3)
    WHERE h.place = 1
)
SELECT r.*
FROM (SELECT row_number() OVER (ORDER BY s.gdp DESC, s.ISO3) AS "Rank",
             s.Country AS "Country", s.GDP_as_published AS "GDP_USD_billion",
             growth.value AS "Growth_percent", head.value AS "GDP_per_head_USD",
             people.value AS "Population_million", prices.value AS "Inflation_percent",
             s.Region AS "Region", s.Subregion AS "Subregion", s.ISO3 AS "ISO3", s.Year AS "Year",
             s.Forecast AS "Forecast"
      FROM shown AS s
      LEFT JOIN fact_gdp AS growth ON growth.dataset = $2 AND growth.indicator = 'NGDP_RPCH'
           AND growth.iso3 = s.ISO3 AND growth.year = s.Year
           AND growth.from_vintage <= $1 AND (growth.to_vintage IS NULL OR growth.to_vintage > $1)
      LEFT JOIN fact_gdp AS head ON head.dataset = $2 AND head.indicator = 'NGDPDPC'
           AND head.iso3 = s.ISO3 AND head.year = s.Year
           AND head.from_vintage <= $1 AND (head.to_vintage IS NULL OR head.to_vintage > $1)
      LEFT JOIN fact_gdp AS people ON people.dataset = $2 AND people.indicator = 'LP'
           AND people.iso3 = s.ISO3 AND people.year = s.Year
           AND people.from_vintage <= $1 AND (people.to_vintage IS NULL OR people.to_vintage > $1)
      LEFT JOIN fact_gdp AS prices ON prices.dataset = $2 AND prices.indicator = 'PCPIPCH'
           AND prices.iso3 = s.ISO3 AND prices.year = s.Year
           AND prices.from_vintage <= $1 AND (prices.to_vintage IS NULL OR prices.to_vintage > $1)
      WHERE s.gdp >= 1.5 AND (NULL IS NULL OR s.Region = NULL)) AS r
WHERE r."Rank" <= coalesce(NULL, 1000000000)
ORDER BY r."Rank";

-- ROW_NUMBER window function
SELECT v.dataset, v.label, v.published, v.updated, v.dating, v.vintage,
       CASE WHEN b.picture_year = 0 THEN 1 ELSE 0 END AS own_years, coalesce(l.channel, '') AS channel
FROM dim_vintage AS v
LEFT JOIN (SELECT dataset, label, updated, min(picture_year) AS picture_year
           FROM etl_batch GROUP BY dataset, label, updated) AS b
  ON b.dataset = v.dataset AND b.label = v.label AND b.updated = v.updated
LEFT JOIN (SELECT e.dataset, e.label, e.updated, a.channel,
                  row_number() OVER (PARTITION BY e.dataset, e.label, e.updated
                                     ORDER BY a.fetched_at DESC, a.channel) AS place
           FROM etl_batch AS e JOIN etl_load AS a ON a.batch_id = e.batch_id) AS l
  ON l.dataset = v.dataset AND l.label = v.label AND l.updated = v.updated AND l.place = 1
WHERE $1 IS NULL OR v.dataset = $1
ORDER BY v.dataset, v.vintage;

-- UNION, INTERSECT, and EXCEPT
SELECT v.label, v.published, v.updated, v.dating
FROM dim_vintage AS v
JOIN (SELECT vintage FROM dim_scope WHERE dataset = $1 AND indicator = 'NGDPD'
      UNION
      SELECT vintage FROM dim_scope_key WHERE dataset = $1 AND indicator = 'NGDPD') AS g ON g.vintage = v.vintage
WHERE v.dataset = $1
ORDER BY v.vintage;

-- SELECT
SELECT f.dataset, f.from_vintage, f.to_vintage, f.value_text, f.decimals, f.forecast, max(v.vintage) AS last_vintage,
       CASE WHEN f.to_vintage IS NOT NULL AND max(n.from_vintage) IS NULL THEN 1 ELSE 0 END AS withdrawn
FROM fact_gdp AS f
LEFT JOIN dim_vintage AS v ON v.dataset = f.dataset AND (f.to_vintage IS NULL OR v.vintage < f.to_vintage)
LEFT JOIN fact_gdp AS n ON n.dataset = f.dataset AND n.indicator = f.indicator AND n.iso3 = f.iso3 AND n.year = f.year
     AND n.from_vintage = f.to_vintage
WHERE ($1 IS NULL OR f.dataset = $1) AND f.indicator = $2 AND f.iso3 = $3 AND f.year = 2022
GROUP BY f.dataset, f.from_vintage, f.to_vintage, f.value_text, f.decimals, f.forecast
ORDER BY f.dataset, f.from_vintage;

-- SELECT
SELECT f.dataset, f.from_vintage, f.to_vintage, f.value_text, f.decimals, f.forecast, max(v.vintage) AS last_vintage,
       CASE WHEN f.to_vintage IS NOT NULL AND max(n.from_vintage) IS NULL THEN 1 ELSE 0 END AS withdrawn
FROM fact_gdp AS f
LEFT JOIN dim_vintage AS v ON v.dataset = f.dataset AND (f.to_vintage IS NULL OR v.vintage < f.to_vintage)
LEFT JOIN fact_gdp AS n ON n.dataset = f.dataset AND n.indicator = f.indicator AND n.iso3 = f.iso3 AND n.year = f.year
     AND n.from_vintage = f.to_vintage
WHERE ($1 IS NULL OR f.dataset = $1) AND f.indicator = $2 AND f.iso3 = NULL AND f.year = NULL
GROUP BY f.dataset, f.from_vintage, f.to_vintage, f.value_text, f.decimals, f.forecast
ORDER BY f.dataset, f.from_vintage;

-- SELECT
SELECT f.dataset, f.from_vintage, f.to_vintage, f.value_text, f.decimals, f.forecast, max(v.vintage) AS last_vintage,
       CASE WHEN f.to_vintage IS NOT NULL AND max(n.from_vintage) IS NULL THEN 1 ELSE 0 END AS withdrawn
FROM fact_gdp AS f
LEFT JOIN dim_vintage AS v ON v.dataset = f.dataset AND (f.to_vintage IS NULL OR v.vintage < f.to_vintage)
LEFT JOIN fact_gdp AS n ON n.dataset = f.dataset AND n.indicator = f.indicator AND n.iso3 = f.iso3 AND n.year = f.year
     AND n.from_vintage = f.to_vintage
WHERE ($1 IS NULL OR f.dataset = $1) AND f.indicator = $2 AND f.iso3 = $3 AND f.year = 0
GROUP BY f.dataset, f.from_vintage, f.to_vintage, f.value_text, f.decimals, f.forecast
ORDER BY f.dataset, f.from_vintage;

-- UNION, INTERSECT, and EXCEPT
SELECT indicator FROM dim_scope WHERE dataset = $1
UNION
SELECT indicator FROM dim_scope_key WHERE dataset = $1
ORDER BY indicator;

-- SELECT
SELECT f.iso3 AS "ISO3", f.year AS "Year", f.value
FROM fact_gdp AS f
LEFT JOIN dim_scope_key AS k ON k.dataset = f.dataset AND k.indicator = f.indicator AND k.iso3 = f.iso3
     AND k.year = f.year AND k.vintage = $1
WHERE f.dataset = $2 AND f.indicator = 'NGDPD' AND f.year BETWEEN 2020 AND 2025
  AND f.from_vintage <= $1 AND (f.to_vintage IS NULL OR f.to_vintage > $1)
  AND (0 = 0 OR k.iso3 IS NOT NULL)
ORDER BY f.iso3, f.year;

-- SELECT
SELECT f.iso3 AS "ISO3", f.year AS "Year", f.value
FROM fact_gdp AS f
LEFT JOIN dim_scope_key AS k ON k.dataset = f.dataset AND k.indicator = f.indicator AND k.iso3 = f.iso3
     AND k.year = f.year AND k.vintage = $1
WHERE f.dataset = $2 AND f.indicator = 'NGDPD' AND f.year BETWEEN 2020 AND 2025
  AND f.from_vintage <= $1 AND (f.to_vintage IS NULL OR f.to_vintage > $1)
  AND (1 = 0 OR k.iso3 IS NOT NULL)
ORDER BY f.iso3, f.year;

-- SELECT
SELECT (SELECT count(*) FROM etl_batch) AS batches, (SELECT count(*) FROM fact_gdp WHERE to_vintage IS NULL) AS figures;

-- WITH clause; ROW_NUMBER window function
WITH ranked AS (
    SELECT f.dataset, f.iso3, f.year, f.value_text, f.forecast,
           row_number() OVER (PARTITION BY f.iso3 ORDER BY f.year DESC) AS place
    FROM fact_gdp AS f
    LEFT JOIN dim_scope AS s ON s.dataset = f.dataset AND s.indicator = f.indicator AND s.vintage = $1
         AND f.year BETWEEN s.first_year AND s.last_year
    LEFT JOIN dim_scope_key AS k ON k.dataset = f.dataset AND k.indicator = f.indicator AND k.iso3 = f.iso3
         AND k.year = f.year AND k.vintage = $1
    WHERE f.dataset = $2 AND f.indicator = 'NGDPD'
      AND f.from_vintage <= $1 AND (f.to_vintage IS NULL OR f.to_vintage > $1)
      AND (f.year = 2022 OR 2022 = 0)
      AND (s.first_year IS NOT NULL OR k.iso3 IS NOT NULL)
)
SELECT c.name AS "Country", r.value_text AS "GDP_as_published", c.region AS "Region", c.subregion AS "Subregion",
       c.iso3 AS "ISO3", r.year AS "Year", r.forecast AS "Forecast", r.dataset AS "Dataset"
FROM ranked AS r
JOIN dim_country AS c USING (iso3)
WHERE r.place = 1;

-- WITH clause; ROW_NUMBER window function
WITH ranked AS (
    SELECT f.dataset, f.iso3, f.year, f.value_text, f.forecast,
           row_number() OVER (PARTITION BY f.iso3 ORDER BY f.year DESC) AS place
    FROM fact_gdp AS f
    LEFT JOIN dim_scope AS s ON s.dataset = f.dataset AND s.indicator = f.indicator AND s.vintage = $1
         AND f.year BETWEEN s.first_year AND s.last_year
    LEFT JOIN dim_scope_key AS k ON k.dataset = f.dataset AND k.indicator = f.indicator AND k.iso3 = f.iso3
         AND k.year = f.year AND k.vintage = $1
    WHERE f.dataset = $2 AND f.indicator = 'NGDPD'
      AND f.from_vintage <= $1 AND (f.to_vintage IS NULL OR f.to_vintage > $1)
      AND (f.year = NULL OR NULL = 0)
      AND (s.first_year IS NOT NULL OR k.iso3 IS NOT NULL)
)
SELECT c.name AS "Country", r.value_text AS "GDP_as_published", c.region AS "Region", c.subregion AS "Subregion",
       c.iso3 AS "ISO3", r.year AS "Year", r.forecast AS "Forecast", r.dataset AS "Dataset"
FROM ranked AS r
JOIN dim_country AS c USING (iso3)
WHERE r.place = 1;

-- WITH clause; ROW_NUMBER window function
WITH ranked AS (
    SELECT f.dataset, f.iso3, f.year, f.value_text, f.forecast,
           row_number() OVER (PARTITION BY f.iso3 ORDER BY f.year DESC) AS place
    FROM fact_gdp AS f
    LEFT JOIN dim_scope AS s ON s.dataset = f.dataset AND s.indicator = f.indicator AND s.vintage = $1
         AND f.year BETWEEN s.first_year AND s.last_year
    LEFT JOIN dim_scope_key AS k ON k.dataset = f.dataset AND k.indicator = f.indicator AND k.iso3 = f.iso3
         AND k.year = f.year AND k.vintage = $1
    WHERE f.dataset = $2 AND f.indicator = 'NGDPD'
      AND f.from_vintage <= $1 AND (f.to_vintage IS NULL OR f.to_vintage > $1)
      AND (f.year = 0 OR 0 = 0)
      AND (s.first_year IS NOT NULL OR k.iso3 IS NOT NULL)
)
SELECT c.name AS "Country", r.value_text AS "GDP_as_published", c.region AS "Region", c.subregion AS "Subregion",
       c.iso3 AS "ISO3", r.year AS "Year", r.forecast AS "Forecast", r.dataset AS "Dataset"
FROM ranked AS r
JOIN dim_country AS c USING (iso3)
WHERE r.place = 1;

-- SELECT
SELECT DISTINCT indicator FROM dim_scope_key WHERE dataset = $1;

-- SELECT
SELECT p.dataset, p.label, v.published, v.updated, p.channel, p.run_id,
       (SELECT max(Year) FROM Countries_by_GDP) AS year,
       (SELECT count(*) FROM Countries_by_GDP) AS economies
FROM picture AS p
JOIN dim_vintage AS v USING (dataset, label, updated);

-- SELECT
SELECT indicator, iso3, year, value_text, decimals, forecast, from_vintage, to_vintage
FROM fact_gdp
WHERE dataset = $1
ORDER BY indicator, iso3, year, from_vintage;

-- SELECT
SELECT Country AS "Country", GDP_USD_billion AS "GDP_USD_billion", GDP_as_published AS "GDP_as_published", Region AS "Region",
       Subregion AS "Subregion", ISO3 AS "ISO3", Year AS "Year", Forecast AS "Forecast", Dataset AS "Dataset",
       Vintage AS "Vintage", Extracted_At AS "Extracted_At"
FROM Countries_by_GDP
ORDER BY CAST(GDP_as_published AS DOUBLE PRECISION) DESC, ISO3;

-- SELECT
SELECT dataset, label, updated, published, dating, vintage FROM dim_vintage ORDER BY dataset, vintage;

-- SELECT
SELECT iso3, year, from_vintage, to_vintage, value, forecast
FROM fact_gdp
WHERE dataset = $1 AND indicator = $2
ORDER BY iso3, year, from_vintage;

-- WITH clause; ROW_NUMBER window function
WITH held AS (
    SELECT f.iso3, f.value, row_number() OVER (PARTITION BY f.iso3 ORDER BY f.year DESC) AS place
    FROM fact_gdp AS f
    LEFT JOIN dim_scope_key AS k ON k.dataset = f.dataset AND k.indicator = f.indicator AND k.iso3 = f.iso3
         AND k.year = f.year AND k.vintage = $1
    WHERE 0 = 0 AND f.dataset = $2 AND f.indicator = 'NGDPD' AND (2022 IS NULL OR f.year = 2022)
      AND f.from_vintage <= $1 AND (f.to_vintage IS NULL OR f.to_vintage > $1)
      AND (0 = 0 OR k.iso3 IS NOT NULL)
),
shown AS (
    SELECT Region, ISO3, CAST(GDP_as_published AS DOUBLE PRECISION) AS gdp
    FROM Countries_by_GDP
    WHERE 0 = 1
    UNION ALL
    SELECT c.region, h.iso3, h.value
    FROM held AS h
    JOIN dim_country AS c USING (iso3)
    WHERE h.place = 1
),
ranked AS (
    SELECT Region, ISO3, gdp,
           row_number() OVER (PARTITION BY Region ORDER BY gdp DESC, ISO3) AS place
    FROM shown
    WHERE NULL IS NULL OR Region = NULL
)
SELECT Region AS "Region",
       avg(CASE WHEN place <= 5 THEN gdp END) AS "Top5_mean_GDP_USD_billion",
       count(CASE WHEN place <= 5 THEN 1 END) AS "Counted",
       max(CASE WHEN place = 1 THEN ISO3 ELSE '' END) || max(CASE WHEN place = 2 THEN ' ' || ISO3 ELSE '' END)
           || max(CASE WHEN place = 3 THEN ' ' || ISO3 ELSE '' END)
           || max(CASE WHEN place = 4 THEN ' ' || ISO3 ELSE '' END)
           || max(CASE WHEN place = 5 THEN ' ' || ISO3 ELSE '' END) AS "Top5",
       count(*) AS "Economies",
       sum(gdp) AS "Sum_GDP_USD_billion"
FROM ranked
GROUP BY Region
ORDER BY avg(CASE WHEN place <= 5 THEN gdp END) DESC;

-- WITH clause; ROW_NUMBER window function
WITH held AS (
    SELECT f.iso3, f.value, row_number() OVER (PARTITION BY f.iso3 ORDER BY f.year DESC) AS place
    FROM fact_gdp AS f
    LEFT JOIN dim_scope_key AS k ON k.dataset = f.dataset AND k.indicator = f.indicator AND k.iso3 = f.iso3
         AND k.year = f.year AND k.vintage = $1
    WHERE 0 = 0 AND f.dataset = $2 AND f.indicator = 'NGDPD' AND (NULL IS NULL OR f.year = NULL)
      AND f.from_vintage <= $1 AND (f.to_vintage IS NULL OR f.to_vintage > $1)
      AND (0 = 0 OR k.iso3 IS NOT NULL)
),
shown AS (
    SELECT Region, ISO3, CAST(GDP_as_published AS DOUBLE PRECISION) AS gdp
    FROM Countries_by_GDP
    WHERE 0 = 1
    UNION ALL
    SELECT c.region, h.iso3, h.value
    FROM held AS h
    JOIN dim_country AS c USING (iso3)
    WHERE h.place = 1
),
ranked AS (
    SELECT Region, ISO3, gdp,
           row_number() OVER (PARTITION BY Region ORDER BY gdp DESC, ISO3) AS place
    FROM shown
    WHERE $3 IS NULL OR Region = $3
)
SELECT Region AS "Region",
       avg(CASE WHEN place <= 5 THEN gdp END) AS "Top5_mean_GDP_USD_billion",
       count(CASE WHEN place <= 5 THEN 1 END) AS "Counted",
       max(CASE WHEN place = 1 THEN ISO3 ELSE '' END) || max(CASE WHEN place = 2 THEN ' ' || ISO3 ELSE '' END)
           || max(CASE WHEN place = 3 THEN ' ' || ISO3 ELSE '' END)
           || max(CASE WHEN place = 4 THEN ' ' || ISO3 ELSE '' END)
           || max(CASE WHEN place = 5 THEN ' ' || ISO3 ELSE '' END) AS "Top5",
       count(*) AS "Economies",
       sum(gdp) AS "Sum_GDP_USD_billion"
FROM ranked
GROUP BY Region
ORDER BY avg(CASE WHEN place <= 5 THEN gdp END) DESC;

-- WITH clause; ROW_NUMBER window function
WITH held AS (
    SELECT f.iso3, f.value, row_number() OVER (PARTITION BY f.iso3 ORDER BY f.year DESC) AS place
    FROM fact_gdp AS f
    LEFT JOIN dim_scope_key AS k ON k.dataset = f.dataset AND k.indicator = f.indicator AND k.iso3 = f.iso3
         AND k.year = f.year AND k.vintage = $1
    WHERE 1 = 0 AND f.dataset = $2 AND f.indicator = 'NGDPD' AND (2022 IS NULL OR f.year = 2022)
      AND f.from_vintage <= $1 AND (f.to_vintage IS NULL OR f.to_vintage > $1)
      AND (0 = 0 OR k.iso3 IS NOT NULL)
),
shown AS (
    SELECT Region, ISO3, CAST(GDP_as_published AS DOUBLE PRECISION) AS gdp
    FROM Countries_by_GDP
    WHERE 1 = 1
    UNION ALL
    SELECT c.region, h.iso3, h.value
    FROM held AS h
    JOIN dim_country AS c USING (iso3)
    WHERE h.place = 1
),
ranked AS (
    SELECT Region, ISO3, gdp,
           row_number() OVER (PARTITION BY Region ORDER BY gdp DESC, ISO3) AS place
    FROM shown
    WHERE NULL IS NULL OR Region = NULL
)
SELECT Region AS "Region",
       avg(CASE WHEN place <= 5 THEN gdp END) AS "Top5_mean_GDP_USD_billion",
       count(CASE WHEN place <= 5 THEN 1 END) AS "Counted",
       max(CASE WHEN place = 1 THEN ISO3 ELSE '' END) || max(CASE WHEN place = 2 THEN ' ' || ISO3 ELSE '' END)
           || max(CASE WHEN place = 3 THEN ' ' || ISO3 ELSE '' END)
           || max(CASE WHEN place = 4 THEN ' ' || ISO3 ELSE '' END)
           || max(CASE WHEN place = 5 THEN ' ' || ISO3 ELSE '' END) AS "Top5",
       count(*) AS "Economies",
       sum(gdp) AS "Sum_GDP_USD_billion"
FROM ranked
GROUP BY Region
ORDER BY avg(CASE WHEN place <= 5 THEN gdp END) DESC;

-- WITH clause; ROW_NUMBER window function
WITH held AS (
    SELECT f.iso3, f.value, row_number() OVER (PARTITION BY f.iso3 ORDER BY f.year DESC) AS place
    FROM fact_gdp AS f
    LEFT JOIN dim_scope_key AS k ON k.dataset = f.dataset AND k.indicator = f.indicator AND k.iso3 = f.iso3
         AND k.year = f.year AND k.vintage = $1
    WHERE 0 = 0 AND f.dataset = $2 AND f.indicator = 'NGDPD' AND (2022 IS NULL OR f.year = 2022)
      AND f.from_vintage <= $1 AND (f.to_vintage IS NULL OR f.to_vintage > $1)
      AND (1 = 0 OR k.iso3 IS NOT NULL)
),
shown AS (
    SELECT Region, ISO3, CAST(GDP_as_published AS DOUBLE PRECISION) AS gdp
    FROM Countries_by_GDP
    WHERE 0 = 1
    UNION ALL
    SELECT c.region, h.iso3, h.value
    FROM held AS h
    JOIN dim_country AS c USING (iso3)
    WHERE h.place = 1
),
ranked AS (
    SELECT Region, ISO3, gdp,
           row_number() OVER (PARTITION BY Region ORDER BY gdp DESC, ISO3) AS place
    FROM shown
    WHERE $3 IS NULL OR Region = $3
)
SELECT Region AS "Region",
       avg(CASE WHEN place <= 5 THEN gdp END) AS "Top5_mean_GDP_USD_billion",
       count(CASE WHEN place <= 5 THEN 1 END) AS "Counted",
       max(CASE WHEN place = 1 THEN ISO3 ELSE '' END) || max(CASE WHEN place = 2 THEN ' ' || ISO3 ELSE '' END)
           || max(CASE WHEN place = 3 THEN ' ' || ISO3 ELSE '' END)
           || max(CASE WHEN place = 4 THEN ' ' || ISO3 ELSE '' END)
           || max(CASE WHEN place = 5 THEN ' ' || ISO3 ELSE '' END) AS "Top5",
       count(*) AS "Economies",
       sum(gdp) AS "Sum_GDP_USD_billion"
FROM ranked
GROUP BY Region
ORDER BY avg(CASE WHEN place <= 5 THEN gdp END) DESC;

-- WITH clause; ROW_NUMBER window function
WITH held AS (
    SELECT f.iso3, f.value, row_number() OVER (PARTITION BY f.iso3 ORDER BY f.year DESC) AS place
    FROM fact_gdp AS f
    LEFT JOIN dim_scope_key AS k ON k.dataset = f.dataset AND k.indicator = f.indicator AND k.iso3 = f.iso3
         AND k.year = f.year AND k.vintage = $1
    WHERE 0 = 0 AND f.dataset = $2 AND f.indicator = 'NGDPD' AND (0 IS NULL OR f.year = 0)
      AND f.from_vintage <= $1 AND (f.to_vintage IS NULL OR f.to_vintage > $1)
      AND (1 = 0 OR k.iso3 IS NOT NULL)
),
shown AS (
    SELECT Region, ISO3, CAST(GDP_as_published AS DOUBLE PRECISION) AS gdp
    FROM Countries_by_GDP
    WHERE 0 = 1
    UNION ALL
    SELECT c.region, h.iso3, h.value
    FROM held AS h
    JOIN dim_country AS c USING (iso3)
    WHERE h.place = 1
),
ranked AS (
    SELECT Region, ISO3, gdp,
           row_number() OVER (PARTITION BY Region ORDER BY gdp DESC, ISO3) AS place
    FROM shown
    WHERE NULL IS NULL OR Region = NULL
)
SELECT Region AS "Region",
       avg(CASE WHEN place <= 5 THEN gdp END) AS "Top5_mean_GDP_USD_billion",
       count(CASE WHEN place <= 5 THEN 1 END) AS "Counted",
       max(CASE WHEN place = 1 THEN ISO3 ELSE '' END) || max(CASE WHEN place = 2 THEN ' ' || ISO3 ELSE '' END)
           || max(CASE WHEN place = 3 THEN ' ' || ISO3 ELSE '' END)
           || max(CASE WHEN place = 4 THEN ' ' || ISO3 ELSE '' END)
           || max(CASE WHEN place = 5 THEN ' ' || ISO3 ELSE '' END) AS "Top5",
       count(*) AS "Economies",
       sum(gdp) AS "Sum_GDP_USD_billion"
FROM ranked
GROUP BY Region
ORDER BY avg(CASE WHEN place <= 5 THEN gdp END) DESC;

-- SELECT
SELECT DISTINCT run_id, batch_id, accepted FROM etl_load;

-- UNION, INTERSECT, and EXCEPT
SELECT indicator, vintage, first_year, last_year FROM dim_scope WHERE dataset = $1
UNION ALL
SELECT DISTINCT indicator, vintage, CAST(NULL AS INTEGER), CAST(NULL AS INTEGER) FROM dim_scope_key WHERE dataset = $1;

-- SELECT
SELECT DISTINCT indicator, iso3 FROM fact_gdp WHERE dataset = $1 ORDER BY indicator, iso3;

-- UNION, INTERSECT, and EXCEPT
SELECT vintage FROM dim_scope WHERE dataset = $1 AND indicator = $2
UNION
SELECT vintage FROM dim_scope_key WHERE dataset = $1 AND indicator = $2
ORDER BY vintage;

-- SELECT
SELECT c.name AS "Country", r.iso3 AS "ISO3", r.year AS "Year", r.kind, r.vintage, r.old_vintage, r.old_text, r.new_text,
       r.old_forecast, r.new_forecast
FROM fact_revision AS r
JOIN dim_country AS c USING (iso3)
WHERE r.dataset = $1 AND r.indicator = $2 AND r.iso3 = $3 AND (2022 IS NULL OR r.year = 2022)
ORDER BY r.year, r.vintage;

-- SELECT
SELECT c.name AS "Country", r.iso3 AS "ISO3", r.year AS "Year", r.kind, r.vintage, r.old_vintage, r.old_text, r.new_text,
       r.old_forecast, r.new_forecast
FROM fact_revision AS r
JOIN dim_country AS c USING (iso3)
WHERE r.dataset = $1 AND r.indicator = $2 AND r.iso3 = NULL AND (NULL IS NULL OR r.year = NULL)
ORDER BY r.year, r.vintage;

-- SELECT
SELECT c.name AS "Country", r.iso3 AS "ISO3", r.year AS "Year", r.kind, r.vintage, r.old_vintage, r.old_text, r.new_text,
       r.old_forecast, r.new_forecast
FROM fact_revision AS r
JOIN dim_country AS c USING (iso3)
WHERE r.dataset = $1 AND r.indicator = $2 AND r.iso3 = $3 AND (0 IS NULL OR r.year = 0)
ORDER BY r.year, r.vintage;

-- WITH clause; ROW_NUMBER window function
WITH asked AS (
    SELECT 'NGDPD' AS indicator UNION ALL SELECT 'NGDP_RPCH' UNION ALL SELECT 'NGDPDPC' UNION ALL SELECT 'LP'
    UNION ALL SELECT 'PCPIPCH'
),
partly AS (
    SELECT a.indicator
    FROM asked AS a
    WHERE NOT EXISTS (
        SELECT 1 FROM dim_scope AS s
        WHERE s.dataset = $1 AND s.indicator = a.indicator AND s.vintage = $2
          AND 2022 BETWEEN s.first_year AND s.last_year)
)
SELECT f.indicator, f.iso3, c.region
FROM partly AS p
JOIN fact_gdp AS f ON f.dataset = $1 AND f.indicator = p.indicator AND f.year = 2022
     AND f.from_vintage < $2 AND (f.to_vintage IS NULL OR f.to_vintage > $2)
JOIN dim_country AS c USING (iso3)
WHERE NOT EXISTS (
    SELECT 1 FROM dim_scope_key AS k
    WHERE k.dataset = f.dataset AND k.indicator = f.indicator AND k.iso3 = f.iso3 AND k.year = f.year
      AND k.vintage = $2)
ORDER BY f.indicator, f.iso3;

-- WITH clause; ROW_NUMBER window function
WITH asked AS (
    SELECT 'NGDPD' AS indicator UNION ALL SELECT 'NGDP_RPCH' UNION ALL SELECT 'NGDPDPC' UNION ALL SELECT 'LP'
    UNION ALL SELECT 'PCPIPCH'
),
partly AS (
    SELECT a.indicator
    FROM asked AS a
    WHERE NOT EXISTS (
        SELECT 1 FROM dim_scope AS s
        WHERE s.dataset = $1 AND s.indicator = a.indicator AND s.vintage = $2
          AND NULL BETWEEN s.first_year AND s.last_year)
)
SELECT f.indicator, f.iso3, c.region
FROM partly AS p
JOIN fact_gdp AS f ON f.dataset = $1 AND f.indicator = p.indicator AND f.year = NULL
     AND f.from_vintage < $2 AND (f.to_vintage IS NULL OR f.to_vintage > $2)
JOIN dim_country AS c USING (iso3)
WHERE NOT EXISTS (
    SELECT 1 FROM dim_scope_key AS k
    WHERE k.dataset = f.dataset AND k.indicator = f.indicator AND k.iso3 = f.iso3 AND k.year = f.year
      AND k.vintage = $2)
ORDER BY f.indicator, f.iso3;

-- WITH clause; ROW_NUMBER window function
WITH asked AS (
    SELECT 'NGDPD' AS indicator UNION ALL SELECT 'NGDP_RPCH' UNION ALL SELECT 'NGDPDPC' UNION ALL SELECT 'LP'
    UNION ALL SELECT 'PCPIPCH'
),
partly AS (
    SELECT a.indicator
    FROM asked AS a
    WHERE NOT EXISTS (
        SELECT 1 FROM dim_scope AS s
        WHERE s.dataset = $1 AND s.indicator = a.indicator AND s.vintage = $2
          AND 0 BETWEEN s.first_year AND s.last_year)
)
SELECT f.indicator, f.iso3, c.region
FROM partly AS p
JOIN fact_gdp AS f ON f.dataset = $1 AND f.indicator = p.indicator AND f.year = 0
     AND f.from_vintage < $2 AND (f.to_vintage IS NULL OR f.to_vintage > $2)
JOIN dim_country AS c USING (iso3)
WHERE NOT EXISTS (
    SELECT 1 FROM dim_scope_key AS k
    WHERE k.dataset = f.dataset AND k.indicator = f.indicator AND k.iso3 = f.iso3 AND k.year = f.year
      AND k.vintage = $2)
ORDER BY f.indicator, f.iso3;

-- SELECT
SELECT label, published, updated, dating FROM dim_vintage WHERE dataset = $1 ORDER BY vintage;

-- SELECT
SELECT b.batch_id, l.run_id, l.channel, l.archive_id, l.sha256, l.url, l.fetched_at, l.accepted
FROM dim_vintage AS v
JOIN etl_batch AS b ON b.dataset = v.dataset AND b.label = v.label AND b.updated = v.updated
JOIN etl_load AS l USING (batch_id)
WHERE v.dataset = $1 AND v.vintage = $2
ORDER BY l.fetched_at, l.run_id;

-- SELECT
SELECT f.year, count(*) AS economies
FROM fact_gdp AS f
LEFT JOIN dim_scope_key AS k ON k.dataset = f.dataset AND k.indicator = f.indicator AND k.iso3 = f.iso3
     AND k.year = f.year AND k.vintage = $1
WHERE f.dataset = $2 AND f.indicator = 'NGDPD'
  AND f.from_vintage <= $1 AND (f.to_vintage IS NULL OR f.to_vintage > $1)
  AND (0 = 0 OR k.iso3 IS NOT NULL)
GROUP BY f.year
ORDER BY f.year;

-- SELECT
SELECT f.year, count(*) AS economies
FROM fact_gdp AS f
LEFT JOIN dim_scope_key AS k ON k.dataset = f.dataset AND k.indicator = f.indicator AND k.iso3 = f.iso3
     AND k.year = f.year AND k.vintage = $1
WHERE f.dataset = $2 AND f.indicator = 'NGDPD'
  AND f.from_vintage <= $1 AND (f.to_vintage IS NULL OR f.to_vintage > $1)
  AND (1 = 0 OR k.iso3 IS NOT NULL)
GROUP BY f.year
ORDER BY f.year;

-- SVV_TABLE_INFO
SELECT CAST(sum(size) AS BIGINT) * 1048576 AS size FROM svv_table_info WHERE "schema" = current_schema();

-- Querying the catalog tables
SELECT table_name AS "table", column_name AS "column", data_type AS type, is_nullable = 'YES' AS nullable
FROM information_schema.columns
WHERE table_schema = current_schema() AND substring(table_name, 1, 8) <> 'mv_tbl__'
ORDER BY table_name, ordinal_position;
