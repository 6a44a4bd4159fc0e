-- Every vintage of :dataset (NULL: of every one) in its order. own_years: 1 where each cell carries its own year;
-- channel: by which it came last. A subquery with LIMIT cannot look at the row outside: the arrivals are numbered.
SELECT v.dataset, v.label, v.published, v.updated, v.dating, v.vintage,
       CASE WHEN b.picture_year = 0 THEN 1 ELSE 0 END AS own_years, coalesce(l.channel, '') AS channel
FROM dim_vintage AS v
LEFT JOIN (SELECT dataset, label, updated, min(picture_year) AS picture_year
           FROM etl_batch GROUP BY dataset, label, updated) AS b
  ON b.dataset = v.dataset AND b.label = v.label AND b.updated = v.updated
LEFT JOIN (SELECT e.dataset, e.label, e.updated, a.channel,
                  row_number() OVER (PARTITION BY e.dataset, e.label, e.updated
                                     ORDER BY a.fetched_at DESC, a.channel) AS place
           FROM etl_batch AS e JOIN etl_load AS a ON a.batch_id = e.batch_id) AS l
  ON l.dataset = v.dataset AND l.label = v.label AND l.updated = v.updated AND l.place = 1
WHERE :dataset IS NULL OR v.dataset = :dataset
ORDER BY v.dataset, v.vintage
