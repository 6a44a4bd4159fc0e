-- The ranges of every series of :dataset, figures as clean parts write them.
SELECT indicator, iso3, CAST(year AS text), from_vintage, to_vintage, value_text, CAST(decimals AS text),
       coalesce(CAST(forecast AS text), '')
FROM fact_gdp
WHERE dataset = :dataset AND indicator = ANY (:indicators)
ORDER BY indicator, iso3, year, from_vintage
