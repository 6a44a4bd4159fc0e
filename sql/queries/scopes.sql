-- What each vintage of a dataset speaks for as a whole, a row a run of years; no years where it speaks for single figures.
SELECT indicator, vintage, first_year, last_year FROM dim_scope WHERE dataset = :dataset
UNION ALL
SELECT DISTINCT indicator, vintage, CAST(NULL AS INTEGER), CAST(NULL AS INTEGER) FROM dim_scope_key WHERE dataset = :dataset
