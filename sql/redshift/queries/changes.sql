-- What differs between :now and :then, two vintages of :dataset, of :indicator: one row a figure. kind as in
-- fact_revision.
-- Differences within half a unit of the coarser writing are none. :iso3, :year and :region NULL are all.
-- Joins in the place of EXISTS: subqueries that compare with the row outside by anything but = may be refused.
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
         AND n.year = o.year AND n.from_vintage <= :now AND (n.to_vintage IS NULL OR n.to_vintage > :now)
    WHERE o.dataset = :dataset AND o.indicator = :indicator
      AND o.from_vintage <= :then AND o.to_vintage > :then AND o.to_vintage <= :now
    UNION ALL
    SELECT DISTINCT n.iso3, n.year, CAST(NULL AS VARCHAR(512)), n.value_text, CAST(NULL AS INTEGER), n.forecast,
           'appeared'
    FROM fact_gdp AS n
    JOIN dim_scope AS s ON s.dataset = n.dataset AND s.indicator = n.indicator AND s.vintage <= :then
         AND n.year BETWEEN s.first_year AND s.last_year
    LEFT JOIN fact_gdp AS o ON o.dataset = n.dataset AND o.indicator = n.indicator AND o.iso3 = n.iso3
         AND o.year = n.year AND o.from_vintage <= :then AND (o.to_vintage IS NULL OR o.to_vintage > :then)
    WHERE n.dataset = :dataset AND n.indicator = :indicator
      AND n.from_vintage > :then AND n.from_vintage <= :now AND (n.to_vintage IS NULL OR n.to_vintage > :now)
      AND o.iso3 IS NULL
)
SELECT c.name AS "Country", p.iso3 AS "ISO3", p.year AS "Year", p.kind,
       p.old_text, p.new_text, p.old_forecast, p.new_forecast
FROM pairs AS p
JOIN dim_country AS c USING (iso3)
WHERE p.kind IS NOT NULL AND (:iso3 IS NULL OR p.iso3 = :iso3) AND (:year IS NULL OR p.year = :year)
  AND (:region IS NULL OR c.region = :region)
ORDER BY p.iso3, p.year
