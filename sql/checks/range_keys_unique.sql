-- A range that is there twice.
SELECT dataset, indicator, iso3, year, from_vintage, count(*) AS times
FROM fact_gdp
GROUP BY dataset, indicator, iso3, year, from_vintage HAVING count(*) > 1
