-- The vintages of :dataset that speak for :indicator.
SELECT vintage FROM dim_scope WHERE dataset = :dataset AND indicator = :indicator
UNION
SELECT vintage FROM dim_scope_key WHERE dataset = :dataset AND indicator = :indicator
ORDER BY vintage
