-- The series of a dataset, in the order of clean records.
SELECT DISTINCT indicator, iso3 FROM fact_gdp WHERE dataset = :dataset ORDER BY indicator, iso3
