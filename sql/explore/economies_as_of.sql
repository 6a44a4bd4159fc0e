WITH asked AS (
    SELECT * FROM (/* explore/_as_of.sql */), (/* explore/_filters.sql */)
)
SELECT "Rank", "Country", CAST("GDP_USD_billion" AS REAL) AS "GDP_USD_billion", "Growth_percent", "GDP_per_head_USD",
       "Population_million", "Inflation_percent", "Region", "Subregion", "ISO3", "Year", "Forecast"
FROM (/* queries/economies.sql of asked */)
ORDER BY "Rank"
