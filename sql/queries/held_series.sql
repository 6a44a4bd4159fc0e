-- The ranges of one series, figures as clean parts write them.
SELECT CAST(year AS TEXT), from_vintage, to_vintage, value_text, CAST(decimals AS TEXT),
       coalesce(CAST(forecast AS TEXT), '')
FROM fact_gdp
WHERE dataset = ? AND indicator = ? AND iso3 = ?
ORDER BY year, from_vintage
