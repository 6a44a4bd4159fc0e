-- Rows of the table with a key that was staged.
SELECT count(*) AS found
FROM dim_scope_key AS t
JOIN (SELECT DISTINCT dataset, indicator, iso3, year, vintage FROM stage_insert_scope_key) AS s
  ON t.dataset = s.dataset AND t.indicator = s.indicator AND t.iso3 = s.iso3 AND t.year = s.year
     AND t.vintage = s.vintage
