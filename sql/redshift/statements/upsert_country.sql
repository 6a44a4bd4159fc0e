INSERT INTO dim_country (iso3, iso2, m49, name, other_names, region, subregion, region_version)
VALUES (:iso3, :iso2, :m49, :name, :other_names, :region, :subregion, :region_version)
