-- GDP that a vintage itself speaks for in a year, one row an economy; what only older vintages say is no part of its
-- picture. :year 0, where cells carry their own years: the latest of each economy.
-- A subquery behind OR that looks at the row outside is a pattern that Redshift may refuse: a join says the same here.
-- The years of one vintage's scopes of an indicator are apart, so that no figure is there twice.
WITH ranked AS (
    SELECT f.dataset, f.iso3, f.year, f.value_text, f.forecast,
           row_number() OVER (PARTITION BY f.iso3 ORDER BY f.year DESC) AS place
    FROM fact_gdp AS f
    LEFT JOIN dim_scope AS s ON s.dataset = f.dataset AND s.indicator = f.indicator AND s.vintage = :vintage
         AND f.year BETWEEN s.first_year AND s.last_year
    LEFT JOIN dim_scope_key AS k ON k.dataset = f.dataset AND k.indicator = f.indicator AND k.iso3 = f.iso3
         AND k.year = f.year AND k.vintage = :vintage
    WHERE f.dataset = :dataset AND f.indicator = 'NGDPD'
      AND f.from_vintage <= :vintage AND (f.to_vintage IS NULL OR f.to_vintage > :vintage)
      AND (f.year = :year OR :year = 0)
      AND (s.first_year IS NOT NULL OR k.iso3 IS NOT NULL)
)
SELECT c.name AS "Country", r.value_text AS "GDP_as_published", c.region AS "Region", c.subregion AS "Subregion",
       c.iso3 AS "ISO3", r.year AS "Year", r.forecast AS "Forecast", r.dataset AS "Dataset"
FROM ranked AS r
JOIN dim_country AS c USING (iso3)
WHERE r.place = 1
