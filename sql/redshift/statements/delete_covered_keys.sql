-- Single figures for which the vintage speaks as a whole by now: DELETE knows no name for its own table.
DELETE FROM dim_scope_key USING dim_scope AS s
WHERE dim_scope_key.dataset = :dataset AND dim_scope_key.vintage = :vintage
  AND s.dataset = dim_scope_key.dataset AND s.indicator = dim_scope_key.indicator
  AND s.vintage = dim_scope_key.vintage AND dim_scope_key.year BETWEEN s.first_year AND s.last_year;
