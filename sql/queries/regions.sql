-- The mean GDP of each region's five largest economies; a region with fewer says how many it has.
-- Sums are of the figures as published, unrounded. :region NULL is all regions, :year NULL the year of the picture.
WITH shown AS (
    SELECT Region, ISO3, CAST(GDP_as_published AS REAL) AS gdp
    FROM Countries_by_GDP
    WHERE :year IS NULL
    UNION ALL
    SELECT c.region, c.iso3, f.value
    FROM figure_newest AS f
    JOIN dim_country AS c USING (iso3)
    WHERE :year IS NOT NULL AND f.year = :year AND f.indicator = 'NGDPD'
      AND f.dataset = (SELECT dataset FROM picture)
),
ranked AS (
    SELECT Region, ISO3, gdp,
           row_number() OVER (PARTITION BY Region ORDER BY gdp DESC, ISO3) AS place
    FROM shown
    WHERE :region IS NULL OR Region = :region
)
SELECT Region,
       avg(gdp) FILTER (WHERE place <= 5) AS Top5_mean_GDP_USD_billion,
       min(count(*), 5) AS Counted,
       group_concat(ISO3, ' ') FILTER (WHERE place <= 5) AS Top5,
       count(*) AS Economies,
       sum(gdp) AS Sum_GDP_USD_billion
FROM (SELECT * FROM ranked ORDER BY Region, place)
GROUP BY Region
ORDER BY Top5_mean_GDP_USD_billion DESC
