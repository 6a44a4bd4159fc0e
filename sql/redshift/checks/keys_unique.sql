-- Rows of dimensions, ledger and picture that are there twice: no key of Redshift's would have refused them.
SELECT 'dim_country' AS repeated, iso3 AS key, count(*) AS times FROM dim_country GROUP BY iso3 HAVING count(*) > 1
UNION ALL
SELECT 'dim_vintage', dataset || ' ' || label || ' ' || updated, count(*)
FROM dim_vintage GROUP BY dataset, label, updated HAVING count(*) > 1
UNION ALL
SELECT 'dim_vintage', dataset || ' ' || vintage, count(*) FROM dim_vintage GROUP BY dataset, vintage HAVING count(*) > 1
UNION ALL
SELECT 'dim_scope', dataset || ' ' || indicator || ' ' || vintage, count(*)
FROM dim_scope GROUP BY dataset, indicator, vintage, first_year HAVING count(*) > 1
UNION ALL
SELECT 'dim_scope_key', dataset || ' ' || indicator || ' ' || iso3 || ' ' || vintage, count(*)
FROM dim_scope_key GROUP BY dataset, indicator, iso3, year, vintage HAVING count(*) > 1
UNION ALL
SELECT 'etl_batch', batch_id, count(*) FROM etl_batch GROUP BY batch_id HAVING count(*) > 1
UNION ALL
SELECT 'etl_load', run_id || ' ' || batch_id, count(*) FROM etl_load GROUP BY run_id, batch_id HAVING count(*) > 1
UNION ALL
SELECT 'Countries_by_GDP', ISO3, count(*) FROM Countries_by_GDP GROUP BY ISO3 HAVING count(*) > 1
UNION ALL
SELECT 'picture', CAST(id AS VARCHAR(11)), count(*) FROM picture GROUP BY id HAVING count(*) > 1
