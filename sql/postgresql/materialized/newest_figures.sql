-- Every figure that holds now, with its country: what a dashboard draws first.
CREATE MATERIALIZED VIEW newest_figures AS
SELECT f.dataset, f.indicator, f.iso3, c.name AS country, c.region, c.subregion, f.year, f.value, f.value_text,
       f.forecast, f.from_vintage AS since_vintage
FROM fact_gdp AS f
JOIN dim_country AS c USING (iso3)
WHERE f.to_vintage IS NULL;
CREATE UNIQUE INDEX newest_figures_key ON newest_figures (dataset, indicator, year, iso3);
