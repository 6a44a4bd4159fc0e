-- The vintages that speak for single figures of every series of :indicator in :dataset.
SELECT indicator, iso3, CAST(year AS VARCHAR(11)) AS year_text, vintage
FROM dim_scope_key
WHERE dataset = :dataset AND indicator = :indicator
ORDER BY iso3, year, vintage
