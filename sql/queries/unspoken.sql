-- The figures of :year that hold as of :vintage of :dataset though it does not speak for them: older vintages said them,
-- and it is a report of some economies or of other indicators. Of the indicators that the picture shows.
WITH asked AS (
    SELECT 'NGDPD' AS indicator UNION ALL SELECT 'NGDP_RPCH' UNION ALL SELECT 'NGDPDPC' UNION ALL SELECT 'LP'
    UNION ALL SELECT 'PCPIPCH'
),
partly AS (
    SELECT a.indicator
    FROM asked AS a
    WHERE NOT EXISTS (
        SELECT 1 FROM dim_scope AS s
        WHERE s.dataset = :dataset AND s.indicator = a.indicator AND s.vintage = :vintage
          AND :year BETWEEN s.first_year AND s.last_year)
)
SELECT f.indicator, f.iso3, c.region
FROM partly AS p
JOIN fact_gdp AS f ON f.dataset = :dataset AND f.indicator = p.indicator AND f.year = :year
     AND f.from_vintage < :vintage AND (f.to_vintage IS NULL OR f.to_vintage > :vintage)
JOIN dim_country AS c USING (iso3)
WHERE NOT EXISTS (
    SELECT 1 FROM dim_scope_key AS k
    WHERE k.dataset = f.dataset AND k.indicator = f.indicator AND k.iso3 = f.iso3 AND k.year = f.year
      AND k.vintage = :vintage)
ORDER BY f.indicator, f.iso3
