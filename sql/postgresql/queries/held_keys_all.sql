-- The vintages that speak for single figures of every series of :dataset.
SELECT indicator, iso3, CAST(year AS text), vintage
FROM dim_scope_key
WHERE dataset = :dataset AND indicator = ANY (:indicators)
ORDER BY indicator, iso3, year, vintage
