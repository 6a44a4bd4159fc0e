-- How often each batch was loaded; its figures are there once, however often.
SELECT batch_id, count(*) AS times FROM etl_load GROUP BY batch_id ORDER BY batch_id
