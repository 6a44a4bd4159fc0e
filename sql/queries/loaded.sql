-- How many batches the database holds, and how many figures that still hold.
SELECT (SELECT count(*) FROM etl_batch) AS batches, (SELECT count(*) FROM fact_gdp WHERE to_vintage IS NULL) AS figures
