-- The vintages of a dataset that have GDP, the newest last.
SELECT v.label, v.published, v.updated, v.dating
FROM dim_vintage AS v
JOIN (SELECT vintage FROM dim_scope WHERE dataset = :dataset AND indicator = 'NGDPD'
      UNION
      SELECT vintage FROM dim_scope_key WHERE dataset = :dataset AND indicator = 'NGDPD') AS g ON g.vintage = v.vintage
WHERE v.dataset = :dataset
ORDER BY v.vintage
