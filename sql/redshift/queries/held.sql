-- Every value ever held of one figure: :indicator of :iso3 in :year, in :dataset (NULL: in every one), by vintage.
-- last_vintage: the last one for which it held; withdrawn: 1 where no other value followed it. Joins, since a subquery
-- that compares with the row outside by anything but = is a pattern that Redshift may refuse.
SELECT f.dataset, f.from_vintage, f.to_vintage, f.value_text, f.decimals, f.forecast, max(v.vintage) AS last_vintage,
       CASE WHEN f.to_vintage IS NOT NULL AND max(n.from_vintage) IS NULL THEN 1 ELSE 0 END AS withdrawn
FROM fact_gdp AS f
LEFT JOIN dim_vintage AS v ON v.dataset = f.dataset AND (f.to_vintage IS NULL OR v.vintage < f.to_vintage)
LEFT JOIN fact_gdp AS n ON n.dataset = f.dataset AND n.indicator = f.indicator AND n.iso3 = f.iso3 AND n.year = f.year
     AND n.from_vintage = f.to_vintage
WHERE (:dataset IS NULL OR f.dataset = :dataset) AND f.indicator = :indicator AND f.iso3 = :iso3 AND f.year = :year
GROUP BY f.dataset, f.from_vintage, f.to_vintage, f.value_text, f.decimals, f.forecast
ORDER BY f.dataset, f.from_vintage
