-- Ranges that are no more.
DELETE FROM fact_gdp AS f USING pg_temp.stage_delete_range AS s
WHERE f.dataset = s.dataset AND f.indicator = s.indicator AND f.iso3 = s.iso3 AND f.year = CAST(s.year AS integer)
  AND f.from_vintage = s.from_vintage
