-- Every vintage of :dataset (NULL: of every one) in its order. own_years: 1 where each cell carries its own year;
-- channel: by which it came last.
SELECT v.dataset, v.label, v.published, v.updated, v.dating, v.vintage,
       CASE (SELECT min(b.picture_year) FROM etl_batch AS b
             WHERE b.dataset = v.dataset AND b.label = v.label AND b.updated = v.updated) WHEN 0 THEN 1 ELSE 0 END AS own_years,
       coalesce((SELECT l.channel FROM etl_batch AS b JOIN etl_load AS l USING (batch_id)
                 WHERE b.dataset = v.dataset AND b.label = v.label AND b.updated = v.updated
                 ORDER BY l.fetched_at DESC, l.channel LIMIT 1), '') AS channel
FROM dim_vintage AS v
WHERE :dataset IS NULL OR v.dataset = :dataset
ORDER BY v.dataset, v.vintage
