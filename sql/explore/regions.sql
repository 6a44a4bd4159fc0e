-- Six decimals take binary dust away; nothing else is rounded.
WITH asked AS (
    SELECT *, NULL AS region FROM (/* explore/_picture.sql */)
)
SELECT "Region", round("Top5_mean_GDP_USD_billion", 6) AS "Top5_mean_GDP_USD_billion", "Counted", "Top5", "Economies",
       round("Sum_GDP_USD_billion", 6) AS "Sum_GDP_USD_billion"
FROM (/* queries/regions.sql of asked */)
ORDER BY "Top5_mean_GDP_USD_billion" DESC
