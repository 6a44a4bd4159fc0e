-- The countries of the database: their names, and where they lie.
SELECT iso3, name, region, subregion FROM dim_country ORDER BY iso3
