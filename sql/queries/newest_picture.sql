-- GDP that a vintage itself speaks for in a year, one row an economy; what only older vintages say is no part of its
-- picture. :year 0, where cells carry their own years: the latest of each economy.
WITH ranked AS (
    SELECT f.*, row_number() OVER (PARTITION BY f.iso3 ORDER BY f.year DESC) AS place
    FROM fact_gdp AS f
    WHERE f.dataset = :dataset AND f.indicator = 'NGDPD'
      AND f.from_vintage <= :vintage AND (f.to_vintage IS NULL OR f.to_vintage > :vintage)
      AND (f.year = :year OR :year = 0)
      AND (EXISTS (
               SELECT 1 FROM dim_scope AS s
               WHERE s.dataset = f.dataset AND s.indicator = f.indicator AND s.vintage = :vintage
                 AND f.year BETWEEN s.first_year AND s.last_year)
           OR EXISTS (
               SELECT 1 FROM dim_scope_key AS k
               WHERE k.dataset = f.dataset AND k.indicator = f.indicator AND k.iso3 = f.iso3 AND k.year = f.year
                 AND k.vintage = :vintage))
)
SELECT c.name AS "Country", r.value_text AS "GDP_as_published", c.region AS "Region", c.subregion AS "Subregion",
       c.iso3 AS "ISO3", r.year AS "Year", r.forecast AS "Forecast", r.dataset AS "Dataset"
FROM ranked AS r
JOIN dim_country AS c USING (iso3)
WHERE r.place = 1
