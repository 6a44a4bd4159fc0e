-- Every arrival of the vintage :vintage of :dataset, the first first.
SELECT b.batch_id, l.run_id, l.channel, l.archive_id, l.sha256, l.url, l.fetched_at, l.accepted
FROM dim_vintage AS v
JOIN etl_batch AS b ON b.dataset = v.dataset AND b.label = v.label AND b.updated = v.updated
JOIN etl_load AS l USING (batch_id)
WHERE v.dataset = :dataset AND v.vintage = :vintage
ORDER BY l.fetched_at, l.run_id
