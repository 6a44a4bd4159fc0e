-- Rows of dimensions, of the picture and of the ledger that are there twice: not every warehouse keeps keys unique.
SELECT 'dim_country' AS twice, iso3 AS key FROM dim_country GROUP BY iso3 HAVING count(*) > 1
UNION ALL
SELECT 'dim_vintage', dataset || ' ' || vintage FROM dim_vintage GROUP BY dataset, vintage HAVING count(*) > 1
UNION ALL
SELECT 'dim_scope', dataset || ' ' || indicator || ' ' || vintage
FROM dim_scope GROUP BY dataset, indicator, vintage, first_year HAVING count(*) > 1
UNION ALL
SELECT 'dim_scope_key', dataset || ' ' || indicator || ' ' || iso3 || ' ' || vintage
FROM dim_scope_key GROUP BY dataset, indicator, iso3, year, vintage HAVING count(*) > 1
UNION ALL
SELECT 'etl_batch', batch_id FROM etl_batch GROUP BY batch_id HAVING count(*) > 1
UNION ALL
SELECT 'etl_load', run_id || ' ' || batch_id FROM etl_load GROUP BY run_id, batch_id HAVING count(*) > 1
UNION ALL
SELECT 'Countries_by_GDP', ISO3 FROM Countries_by_GDP GROUP BY ISO3 HAVING count(*) > 1
