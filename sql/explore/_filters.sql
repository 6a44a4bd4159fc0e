-- What every ranking can be narrowed to. A region that there is not finds nothing, and not all.
SELECT coalesce(CAST(nullif(trim(:min_gdp), '') AS REAL), 100) AS min_gdp,
       coalesce((SELECT max(region) FROM dim_country WHERE lower(region) = lower(trim(:region))),
                nullif(trim(:region), '')) AS region,
       CAST(nullif(trim(:top), '') AS INTEGER) AS top
