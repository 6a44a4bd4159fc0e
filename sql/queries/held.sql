-- Every value ever held of one figure: :indicator of :iso3 in :year, in :dataset (NULL: in every one), by vintage.
-- last_vintage: the last one for which it held; withdrawn: 1 where no other value followed it.
SELECT f.dataset, f.from_vintage, f.to_vintage, f.value_text, f.decimals, f.forecast,
       (SELECT max(v.vintage) FROM dim_vintage AS v
        WHERE v.dataset = f.dataset AND (f.to_vintage IS NULL OR v.vintage < f.to_vintage)) AS last_vintage,
       CASE WHEN f.to_vintage IS NOT NULL AND NOT EXISTS (
           SELECT 1 FROM fact_gdp AS n
           WHERE n.dataset = f.dataset AND n.indicator = f.indicator AND n.iso3 = f.iso3 AND n.year = f.year
             AND n.from_vintage = f.to_vintage) THEN 1 ELSE 0 END AS withdrawn
FROM fact_gdp AS f
WHERE (:dataset IS NULL OR f.dataset = :dataset) AND f.indicator = :indicator AND f.iso3 = :iso3 AND f.year = :year
ORDER BY f.dataset, f.from_vintage
