-- The countries of the database.
SELECT iso3, name, region FROM dim_country ORDER BY iso3
