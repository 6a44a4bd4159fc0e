-- Rows of the table with a key that was staged.
SELECT count(*) AS found
FROM fact_gdp AS t
JOIN (SELECT DISTINCT dataset, indicator, iso3, year, from_vintage FROM stage_delete_range) AS s
  ON t.dataset = s.dataset AND t.indicator = s.indicator AND t.iso3 = s.iso3 AND t.year = s.year
     AND t.from_vintage = s.from_vintage
