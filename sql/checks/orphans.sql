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
SELECT 'arrival', b.batch_id, 1
FROM etl_batch AS b WHERE NOT EXISTS (SELECT 1 FROM etl_load AS l WHERE l.batch_id = b.batch_id)
