-- The mean of each region's five largest economies, by dataset and year, as the newest vintage of the dataset has it: a
-- copy on each node, for it is small. It may not ask the view fact_region, and numbers rows: Redshift makes it anew.
CREATE MATERIALIZED VIEW region_top5 DISTSTYLE ALL SORTKEY (dataset, year) AS
SELECT k.dataset, k.vintage, k.year, k.region, sum(k.value) AS sum_billion,
       avg(CASE WHEN k.place <= 5 THEN k.value END) AS top5_mean_billion, count(*) AS economies
FROM (SELECT f.dataset, v.vintage, f.year, c.region, f.iso3, f.value,
             row_number() OVER (PARTITION BY f.dataset, f.year, c.region ORDER BY f.value DESC, f.iso3) AS place
      FROM fact_gdp AS f
      JOIN (SELECT dataset, max(vintage) AS vintage FROM dim_vintage GROUP BY dataset) AS v ON v.dataset = f.dataset
           AND f.from_vintage <= v.vintage AND (f.to_vintage IS NULL OR f.to_vintage > v.vintage)
      JOIN dim_country AS c ON c.iso3 = f.iso3
      WHERE f.indicator = 'NGDPD') AS k
GROUP BY k.dataset, k.vintage, k.year, k.region;
