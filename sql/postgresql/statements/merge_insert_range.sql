-- Staged ranges into the table, each once; a key that is held already is an error, never a second row.
INSERT INTO fact_gdp (dataset, indicator, iso3, year, from_vintage, to_vintage, value, value_text, decimals, forecast)
SELECT DISTINCT dataset, indicator, iso3, year, from_vintage, to_vintage, value, value_text, decimals, forecast
FROM stage_insert_range
ORDER BY dataset, indicator, iso3, year, from_vintage
