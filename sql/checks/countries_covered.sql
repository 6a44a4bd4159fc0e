-- Countries without a name or region.
SELECT iso3 FROM dim_country WHERE name = '' OR region = ''
