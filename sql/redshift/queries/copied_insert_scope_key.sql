-- What a COPY brought: rows, different rows, different keys.
SELECT (SELECT count(*) FROM stage_insert_scope_key) AS copied,
       (SELECT count(*) FROM (SELECT DISTINCT dataset, indicator, iso3, year, vintage
                             FROM stage_insert_scope_key) AS r) AS different,
       (SELECT count(*) FROM (SELECT DISTINCT dataset, indicator, iso3, year, vintage
                             FROM stage_insert_scope_key) AS k) AS keys
