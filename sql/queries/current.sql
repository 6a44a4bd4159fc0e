-- The figures of :indicator that hold now in :dataset. :iso3 and :year NULL are all.
SELECT f.iso3, f.year, f.value_text, f.decimals, f.forecast
FROM fact_gdp AS f
WHERE f.dataset = :dataset AND f.indicator = :indicator AND f.to_vintage IS NULL
  AND (:iso3 IS NULL OR f.iso3 = :iso3) AND (:year IS NULL OR f.year = :year)
ORDER BY f.iso3, f.year
