-- How many batches and figures of the newest vintages the database holds.
SELECT (SELECT count(*) FROM etl_batch) AS batches, (SELECT count(*) FROM figure_newest) AS figures
