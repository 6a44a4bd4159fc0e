-- What a report of some economies speaks for, each key once.
INSERT INTO dim_scope_key (dataset, indicator, iso3, year, vintage)
SELECT dataset, indicator, iso3, CAST(year AS integer), vintage FROM pg_temp.stage_insert_scope_key
ON CONFLICT DO NOTHING
