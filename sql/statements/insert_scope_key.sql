INSERT INTO dim_scope_key (dataset, indicator, iso3, year, vintage) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
