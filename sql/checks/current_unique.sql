-- A figure that holds twice.
SELECT dataset, indicator, iso3, year, count(*) AS times
FROM fact_gdp WHERE to_vintage IS NULL
GROUP BY dataset, indicator, iso3, year HAVING count(*) > 1
