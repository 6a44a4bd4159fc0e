INSERT INTO dim_country (iso3, iso2, m49, name, other_names, region, subregion, region_version)
VALUES (:iso3, :iso2, :m49, :name, :other_names, :region, :subregion, :region_version)
ON CONFLICT (iso3) DO UPDATE SET
    iso2 = excluded.iso2, m49 = excluded.m49, name = excluded.name, other_names = excluded.other_names,
    region = excluded.region, subregion = excluded.subregion, region_version = excluded.region_version
