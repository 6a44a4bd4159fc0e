-- What a report of some economies speaks for, each key once.
INSERT INTO dim_scope_key (dataset, indicator, iso3, year, vintage)
SELECT DISTINCT dataset, indicator, iso3, year, vintage FROM stage_insert_scope_key
ON CONFLICT DO NOTHING
