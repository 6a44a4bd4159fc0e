INSERT INTO figure_newest (dataset, indicator, iso3, year, value, value_text, decimals, forecast)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
