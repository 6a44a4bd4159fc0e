-- Figures of a country or of a vintage that no dimension has, and batches without arrival.
SELECT 'country' AS missing, f.iso3 AS key
FROM (SELECT DISTINCT iso3 FROM fact_gdp UNION SELECT DISTINCT iso3 FROM dim_scope_key) AS f
WHERE NOT EXISTS (SELECT 1 FROM dim_country AS c WHERE c.iso3 = f.iso3)
UNION ALL
SELECT 'vintage', f.dataset || ' ' || f.vintage
FROM (SELECT DISTINCT dataset, from_vintage AS vintage FROM fact_gdp
      UNION SELECT DISTINCT dataset, to_vintage FROM fact_gdp WHERE to_vintage IS NOT NULL
      UNION SELECT DISTINCT dataset, vintage FROM dim_scope_key
      UNION SELECT dataset, vintage FROM dim_scope) AS f
WHERE NOT EXISTS (SELECT 1 FROM dim_vintage AS v WHERE v.dataset = f.dataset AND v.vintage = f.vintage)
UNION ALL
SELECT 'arrival', b.batch_id
FROM etl_batch AS b WHERE NOT EXISTS (SELECT 1 FROM etl_load AS l WHERE l.batch_id = b.batch_id)
