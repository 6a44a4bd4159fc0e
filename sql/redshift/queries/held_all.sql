-- The ranges of every series of :indicator in :dataset, figures as clean parts write them.
SELECT indicator, iso3, CAST(year AS VARCHAR(11)) AS year_text, from_vintage, to_vintage, value_text,
       CAST(decimals AS VARCHAR(11)) AS decimals_text, coalesce(CAST(forecast AS VARCHAR(11)), '') AS forecast_text
FROM fact_gdp
WHERE dataset = :dataset AND indicator = :indicator
ORDER BY iso3, year, from_vintage
