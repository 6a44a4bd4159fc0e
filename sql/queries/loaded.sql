-- How many batches, and how many figures that hold now, the database holds.
SELECT (SELECT count(*) FROM etl_batch) AS batches,
       (SELECT count(*) FROM fact_gdp WHERE to_vintage IS NULL) AS figures
