-- Staged ranges into the table, each once, in the place of what has the same key.
DELETE FROM fact_gdp USING stage_insert_range AS s
WHERE fact_gdp.dataset = s.dataset AND fact_gdp.indicator = s.indicator AND fact_gdp.iso3 = s.iso3
  AND fact_gdp.year = s.year AND fact_gdp.from_vintage = s.from_vintage;
INSERT INTO fact_gdp (dataset, indicator, iso3, year, from_vintage, to_vintage, value, value_text, decimals, forecast)
SELECT s.dataset, s.indicator, s.iso3, s.year, s.from_vintage, s.to_vintage, s.value, s.value_text, s.decimals,
       s.forecast
FROM (SELECT dataset, indicator, iso3, year, from_vintage, to_vintage, value, value_text, decimals, forecast,
             row_number() OVER (PARTITION BY dataset, indicator, iso3, year, from_vintage ORDER BY value_text) AS place
      FROM stage_insert_range) AS s
WHERE s.place = 1;
