-- Every figure that holds now, with its country: what a dashboard draws first. Two tables and an inner join: Redshift
-- brings it up to date by what changed alone. Distributed and sorted as the facts are.
CREATE MATERIALIZED VIEW newest_figures DISTSTYLE KEY DISTKEY (iso3) SORTKEY (dataset, indicator, year) AS
SELECT f.dataset, f.indicator, f.iso3, c.name AS country, c.region, c.subregion, f.year, f.value, f.value_text,
       f.forecast, f.from_vintage AS since_vintage
FROM fact_gdp AS f
JOIN dim_country AS c ON c.iso3 = f.iso3
WHERE f.to_vintage IS NULL;
