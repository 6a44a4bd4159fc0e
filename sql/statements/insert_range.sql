INSERT INTO fact_gdp (dataset, indicator, iso3, year, from_vintage, to_vintage, value, value_text, decimals, forecast)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
