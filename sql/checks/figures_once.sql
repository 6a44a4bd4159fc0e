-- A figure that is held twice for one vintage: the same range twice, two that hold now, two that overlap.
SELECT o.dataset, o.indicator, o.iso3, o.year, o.from_vintage, o.to_vintage, o.next_vintage
FROM (SELECT dataset, indicator, iso3, year, from_vintage, to_vintage,
             lead(from_vintage) OVER (PARTITION BY dataset, indicator, iso3, year ORDER BY from_vintage) AS next_vintage
      FROM fact_gdp) AS o
WHERE o.next_vintage IS NOT NULL AND (o.to_vintage IS NULL OR o.to_vintage > o.next_vintage)
