-- Ranges that are no more.
DELETE FROM fact_gdp USING stage_delete_range AS s
WHERE fact_gdp.dataset = s.dataset AND fact_gdp.indicator = s.indicator AND fact_gdp.iso3 = s.iso3
  AND fact_gdp.year = s.year AND fact_gdp.from_vintage = s.from_vintage;
