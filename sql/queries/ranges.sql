-- Every figure of :indicator ever held in :dataset, each with the vintages for which it held: from_vintage <= v < to_vintage,
-- which is NULL while it holds.
SELECT iso3, year, from_vintage, to_vintage, value, forecast
FROM fact_gdp
WHERE dataset = :dataset AND indicator = :indicator
ORDER BY iso3, year, from_vintage
