-- The channels by which each vintage of a dataset came.
SELECT DISTINCT v.vintage, l.channel
FROM etl_batch AS b
JOIN etl_load AS l USING (batch_id)
JOIN dim_vintage AS v USING (dataset, label, updated)
WHERE b.dataset = :dataset
