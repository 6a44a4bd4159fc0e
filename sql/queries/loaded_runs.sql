-- The runs of which anything is in the database.
SELECT DISTINCT run_id FROM etl_load
