-- What a report of some economies speaks for, each key once.
DELETE FROM dim_scope_key USING stage_insert_scope_key AS s
WHERE dim_scope_key.dataset = s.dataset AND dim_scope_key.indicator = s.indicator AND dim_scope_key.iso3 = s.iso3
  AND dim_scope_key.year = s.year AND dim_scope_key.vintage = s.vintage;
INSERT INTO dim_scope_key (dataset, indicator, iso3, year, vintage)
SELECT DISTINCT dataset, indicator, iso3, year, vintage FROM stage_insert_scope_key;
