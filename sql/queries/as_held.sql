-- The figures of :indicator as :vintage of :dataset has them, every year.
SELECT iso3, year, value
FROM fact_gdp
WHERE dataset = :dataset AND indicator = :indicator
  AND from_vintage <= :vintage AND (to_vintage IS NULL OR to_vintage > :vintage)
ORDER BY iso3, year
