-- The same of the vintage that a label means, or a day: the newest known by then. Nothing typed: the newest. The year is
-- that of publication, or the last one before it that the vintage has.
SELECT a.dataset, a.vintage, 0 AS picture, a.own,
       coalesce(CAST(nullif(trim(:year), '') AS INTEGER),
                (SELECT max(f.year) FROM fact_gdp AS f
                 WHERE a.own = 0 AND f.dataset = a.dataset AND f.indicator = 'NGDPD' AND f.from_vintage <= a.vintage
                   AND (f.to_vintage IS NULL OR f.to_vintage > a.vintage)
                   AND f.year <= CAST(substr(a.published, 1, 4) AS INTEGER))) AS year
FROM (SELECT v.dataset, v.vintage, v.published,
             EXISTS (SELECT 1 FROM etl_batch AS b
                     WHERE b.dataset = v.dataset AND b.label = v.label AND b.updated = v.updated
                       AND b.picture_year = 0) AS own
      FROM picture AS p
      JOIN dim_vintage AS v USING (dataset)
      WHERE trim(:as_of) IN ('', v.label)
            OR (trim(:as_of) LIKE '____-__-__' AND substr(max(v.published, v.updated), 1, 10) <= trim(:as_of)
                AND NOT EXISTS (SELECT 1 FROM dim_vintage AS o WHERE o.dataset = p.dataset AND o.label = trim(:as_of)))
      ORDER BY v.vintage DESC
      LIMIT 1) AS a
