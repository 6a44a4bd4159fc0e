-- A second batch of the same vintage adds to it: more indicators, more economies.
INSERT INTO figure_newest (dataset, indicator, iso3, year, value, value_text, decimals, forecast)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (dataset, indicator, year, iso3) DO UPDATE SET
    value = excluded.value, value_text = excluded.value_text, decimals = excluded.decimals, forecast = excluded.forecast
