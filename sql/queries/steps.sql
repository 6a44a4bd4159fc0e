-- Every change of :indicator of the country :iso3 in :dataset, by year and vintage. :year NULL is all.
SELECT c.name AS "Country", r.iso3 AS "ISO3", r.year AS "Year", r.kind, r.vintage, r.old_vintage, r.old_text, r.new_text,
       r.old_forecast, r.new_forecast
FROM fact_revision AS r
JOIN dim_country AS c USING (iso3)
WHERE r.dataset = :dataset AND r.indicator = :indicator AND r.iso3 = :iso3 AND (:year IS NULL OR r.year = :year)
ORDER BY r.year, r.vintage
