-- What changed from vintage to vintage, with the country's name: the text of fact_revision, which it may not ask. Its
-- outer joins and UNION ALL have Redshift make it anew. Distributed by economy, sorted as it is asked.
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
