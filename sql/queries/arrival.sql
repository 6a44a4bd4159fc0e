-- How a vintage came, the latest arrival first, and the year of its picture.
SELECT l.channel, l.fetched_at, b.picture_year
FROM etl_batch AS b
JOIN etl_load AS l USING (batch_id)
WHERE b.dataset = :dataset AND b.label = :label AND b.updated = :updated
ORDER BY l.fetched_at DESC, b.batch_id
