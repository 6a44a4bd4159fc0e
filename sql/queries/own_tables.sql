-- The project's own tables and views, which a rebuild makes anew; all others are the user's and stay.
SELECT type, name FROM sqlite_master
WHERE name IN ('dim_country', 'dim_vintage', 'etl_batch', 'etl_load', 'figure_newest', 'Countries_by_GDP', 'picture')
