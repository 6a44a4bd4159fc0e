-- The project's own tables and views, which a rebuild makes anew; all others are the user's and stay.
SELECT type, name FROM sqlite_master
WHERE type IN ('table', 'view')
  AND name IN ('dim_country', 'dim_vintage', 'dim_scope', 'dim_scope_key', 'fact_gdp', 'fact_revision', 'fact_region',
               'etl_batch', 'etl_load', 'etl_ledger', 'figure_newest', 'Countries_by_GDP', 'picture')
ORDER BY type DESC
