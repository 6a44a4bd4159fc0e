-- Staged ranges into the table; a range that is held already, or staged twice, is an error of its key.
INSERT INTO fact_gdp (dataset, indicator, iso3, year, from_vintage, to_vintage, value, value_text, decimals, forecast)
SELECT dataset, indicator, iso3, CAST(year AS integer), from_vintage, to_vintage, CAST(value AS double precision),
       value_text, CAST(decimals AS integer), CAST(forecast AS integer)
FROM stage_insert_range
