-- GDP from the year :first to the year :last as :vintage of :dataset has it, for the lines on a terminal. :own 1: cells
-- carry their own years, and only the keys that the vintage speaks for itself count.
-- A subquery behind OR that looks at the row outside is a pattern that Redshift may refuse: a join says the same here.
SELECT f.iso3 AS "ISO3", f.year AS "Year", f.value
FROM fact_gdp AS f
LEFT JOIN dim_scope_key AS k ON k.dataset = f.dataset AND k.indicator = f.indicator AND k.iso3 = f.iso3
     AND k.year = f.year AND k.vintage = :vintage
WHERE f.dataset = :dataset AND f.indicator = 'NGDPD' AND f.year BETWEEN :first AND :last
  AND f.from_vintage <= :vintage AND (f.to_vintage IS NULL OR f.to_vintage > :vintage)
  AND (:own = 0 OR k.iso3 IS NOT NULL)
ORDER BY f.iso3, f.year
