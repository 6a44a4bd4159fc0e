-- The indicators that vintages of :dataset speak for.
SELECT indicator FROM dim_scope WHERE dataset = :dataset
UNION
SELECT indicator FROM dim_scope_key WHERE dataset = :dataset
ORDER BY indicator
