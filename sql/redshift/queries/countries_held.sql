-- The country dimension as it is.
SELECT iso3, iso2, m49, name, other_names, region, subregion, region_version FROM dim_country
