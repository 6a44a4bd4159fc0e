-- The mean GDP of each region's five largest economies; a region with fewer says how many it has.
-- Sums are of the figures as published, unrounded. :region NULL is all regions; the other parameters as in
-- economies.sql.
-- A subquery behind OR that looks at the row outside is a pattern that Redshift may refuse: a join says the same here.
WITH held AS (
    SELECT f.iso3, f.value, row_number() OVER (PARTITION BY f.iso3 ORDER BY f.year DESC) AS place
    FROM fact_gdp AS f
    LEFT JOIN dim_scope_key AS k ON k.dataset = f.dataset AND k.indicator = f.indicator AND k.iso3 = f.iso3
         AND k.year = f.year AND k.vintage = :vintage
    WHERE :picture = 0 AND f.dataset = :dataset AND f.indicator = 'NGDPD' AND (:year IS NULL OR f.year = :year)
      AND f.from_vintage <= :vintage AND (f.to_vintage IS NULL OR f.to_vintage > :vintage)
      AND (:own = 0 OR k.iso3 IS NOT NULL)
),
shown AS (
    SELECT Region, ISO3, CAST(GDP_as_published AS DOUBLE PRECISION) AS gdp
    FROM Countries_by_GDP
    WHERE :picture = 1
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
    WHERE :region IS NULL OR Region = :region
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
ORDER BY avg(CASE WHEN place <= 5 THEN gdp END) DESC
