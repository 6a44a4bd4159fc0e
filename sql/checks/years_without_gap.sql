-- Years that a vintage speaks for, of which it holds no figure: of a run of years, how many there are and how many held.
WITH alike AS (
    SELECT DISTINCT dataset, indicator, year, from_vintage, to_vintage FROM fact_gdp
)
SELECT s.dataset, s.vintage, s.indicator, s.first_year, s.last_year, count(DISTINCT a.year) AS held
FROM dim_scope AS s
LEFT JOIN alike AS a ON a.dataset = s.dataset AND a.indicator = s.indicator
     AND a.year BETWEEN s.first_year AND s.last_year
     AND a.from_vintage <= s.vintage AND (a.to_vintage IS NULL OR a.to_vintage > s.vintage)
GROUP BY s.dataset, s.vintage, s.indicator, s.first_year, s.last_year
HAVING count(DISTINCT a.year) <> s.last_year - s.first_year + 1
