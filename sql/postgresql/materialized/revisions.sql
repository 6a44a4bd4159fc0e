-- What changed from vintage to vintage, with the country's name.
CREATE MATERIALIZED VIEW IF NOT EXISTS revisions AS
SELECT r.dataset, r.indicator, r.iso3, c.name AS country, c.region, r.year, r.vintage, r.old_vintage, r.kind,
       r.old_value, r.new_value, r.change, r.percent
FROM fact_revision AS r
JOIN dim_country AS c USING (iso3);
CREATE UNIQUE INDEX IF NOT EXISTS revisions_key ON revisions (dataset, indicator, vintage, iso3, year);
