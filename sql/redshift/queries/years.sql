-- The years that :vintage of :dataset has GDP for, and how many economies each. :own 1: cells carry their own years,
-- and the vintage speaks for its own keys only.
-- A subquery behind OR that looks at the row outside is a pattern that Redshift may refuse: a join says the same here.
SELECT f.year, count(*) AS economies
FROM fact_gdp AS f
LEFT JOIN dim_scope_key AS k ON k.dataset = f.dataset AND k.indicator = f.indicator AND k.iso3 = f.iso3
     AND k.year = f.year AND k.vintage = :vintage
WHERE f.dataset = :dataset AND f.indicator = 'NGDPD'
  AND f.from_vintage <= :vintage AND (f.to_vintage IS NULL OR f.to_vintage > :vintage)
  AND (:own = 0 OR k.iso3 IS NOT NULL)
GROUP BY f.year
ORDER BY f.year
