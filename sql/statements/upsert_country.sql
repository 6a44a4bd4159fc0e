INSERT INTO dim_country (iso3, iso2, name, region, subregion, region_version)
VALUES (:iso3, :iso2, :name, :region, :subregion, :region_version)
ON CONFLICT (iso3) DO UPDATE SET
    iso2 = excluded.iso2, name = excluded.name, region = excluded.region, subregion = excluded.subregion,
    region_version = excluded.region_version
