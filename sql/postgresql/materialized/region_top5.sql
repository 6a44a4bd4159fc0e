-- The mean of each region's five largest economies, by dataset and year, as the newest vintage of the dataset has it.
CREATE MATERIALIZED VIEW region_top5 AS
SELECT r.dataset, r.vintage, r.year, r.region, r.sum_billion, r.top5_mean_billion, r.economies
FROM fact_region AS r
JOIN (SELECT dataset, max(vintage) AS vintage FROM dim_vintage GROUP BY dataset) AS n USING (dataset, vintage);
CREATE UNIQUE INDEX region_top5_key ON region_top5 (dataset, year, region);
