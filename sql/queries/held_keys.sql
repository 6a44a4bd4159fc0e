-- The vintages that speak for single figures of one series.
SELECT CAST(year AS TEXT), vintage FROM dim_scope_key WHERE dataset = ? AND indicator = ? AND iso3 = ? ORDER BY year, vintage
