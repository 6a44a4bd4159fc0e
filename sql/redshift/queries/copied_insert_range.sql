-- What a COPY brought: rows, different rows, different keys.
SELECT (SELECT count(*) FROM stage_insert_range) AS copied,
       (SELECT count(*) FROM (SELECT DISTINCT dataset, indicator, iso3, year, from_vintage,
                                             to_vintage, value_text, decimals, forecast
                             FROM stage_insert_range) AS r) AS different,
       (SELECT count(*) FROM (SELECT DISTINCT dataset, indicator, iso3, year, from_vintage
                             FROM stage_insert_range) AS k) AS keys
