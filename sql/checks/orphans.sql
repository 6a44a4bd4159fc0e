-- Figures of a country or of a vintage that no dimension has, and batches without arrival.
SELECT 'country' AS missing, f.iso3 AS key, count(*) AS times
FROM fact_gdp AS f WHERE NOT EXISTS (SELECT 1 FROM dim_country AS c WHERE c.iso3 = f.iso3) GROUP BY f.iso3
UNION ALL
SELECT 'vintage', f.dataset || ' ' || f.from_vintage, count(*)
FROM fact_gdp AS f
WHERE NOT EXISTS (SELECT 1 FROM dim_vintage AS v WHERE v.dataset = f.dataset AND v.vintage = f.from_vintage)
GROUP BY f.dataset, f.from_vintage
UNION ALL
SELECT 'vintage', f.dataset || ' ' || f.to_vintage, count(*)
FROM fact_gdp AS f
WHERE f.to_vintage IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM dim_vintage AS v WHERE v.dataset = f.dataset AND v.vintage = f.to_vintage)
GROUP BY f.dataset, f.to_vintage
UNION ALL
SELECT 'country', k.iso3, count(*)
FROM dim_scope_key AS k WHERE NOT EXISTS (SELECT 1 FROM dim_country AS c WHERE c.iso3 = k.iso3) GROUP BY k.iso3
UNION ALL
SELECT 'vintage', k.dataset || ' ' || k.vintage, count(*)
FROM dim_scope_key AS k
WHERE NOT EXISTS (SELECT 1 FROM dim_vintage AS v WHERE v.dataset = k.dataset AND v.vintage = k.vintage)
GROUP BY k.dataset, k.vintage
UNION ALL
SELECT 'vintage', s.dataset || ' ' || s.vintage, count(*)
FROM dim_scope AS s
WHERE NOT EXISTS (SELECT 1 FROM dim_vintage AS v WHERE v.dataset = s.dataset AND v.vintage = s.vintage)
GROUP BY s.dataset, s.vintage
UNION ALL
SELECT 'arrival', b.batch_id, 1
FROM etl_batch AS b WHERE NOT EXISTS (SELECT 1 FROM etl_load AS l WHERE l.batch_id = b.batch_id)
