-- The vintages of a dataset that have GDP, the newest last.
SELECT label, published, updated, dating
FROM dim_vintage AS v
WHERE v.dataset = :dataset AND (
      EXISTS (SELECT 1 FROM dim_scope AS s
              WHERE s.dataset = v.dataset AND s.indicator = 'NGDPD' AND s.vintage = v.vintage)
      OR EXISTS (SELECT 1 FROM dim_scope_key AS k
                 WHERE k.dataset = v.dataset AND k.indicator = 'NGDPD' AND k.vintage = v.vintage))
ORDER BY v.vintage
