-- Each region in each year as each vintage has it: the sum, the mean of its five largest economies, how many there are.
CREATE VIEW fact_region AS
WITH ranked AS (
    SELECT f.dataset, v.vintage, f.year, c.region, f.iso3, f.value,
           row_number() OVER (PARTITION BY f.dataset, v.vintage, f.year, c.region ORDER BY f.value DESC, f.iso3) AS place
    FROM fact_gdp AS f
    JOIN dim_vintage AS v ON v.dataset = f.dataset AND f.from_vintage <= v.vintage
         AND (f.to_vintage IS NULL OR f.to_vintage > v.vintage)
    JOIN dim_country AS c USING (iso3)
    WHERE f.indicator = 'NGDPD'
)
SELECT dataset, vintage, year, region, sum(value) AS sum_billion,
       avg(CASE WHEN place <= 5 THEN value END) AS top5_mean_billion, count(*) AS economies
FROM ranked
GROUP BY dataset, vintage, year, region;
