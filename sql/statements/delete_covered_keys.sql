-- Single figures for which the vintage speaks as a whole by now.
DELETE FROM dim_scope_key AS k
WHERE dataset = :dataset AND vintage = :vintage AND EXISTS (
      SELECT 1 FROM dim_scope AS s
      WHERE s.dataset = k.dataset AND s.indicator = k.indicator AND s.vintage = k.vintage
        AND k.year BETWEEN s.first_year AND s.last_year)
