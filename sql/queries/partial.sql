-- The indicators of which some vintage speaks for single figures.
SELECT DISTINCT indicator FROM dim_scope_key WHERE dataset = :dataset
