-- The vintage a batch turned out to be of.
SELECT v.label, v.published, v.updated, v.dating
FROM etl_batch AS b
JOIN dim_vintage AS v USING (dataset, label, updated)
WHERE b.batch_id = :batch_id
