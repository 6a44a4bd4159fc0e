-- results/GDP_history.csv: every range of every figure of a dataset, in the order of its key, which is how it is stored.
SELECT indicator, iso3, year, value_text, decimals, forecast, from_vintage, to_vintage
FROM fact_gdp
WHERE dataset = :dataset
ORDER BY indicator, iso3, year, from_vintage
