-- Vintages that hold another number of figures than the manifest of their only batch says, and years that a vintage
-- speaks for and has no figure of. Of several batches of one vintage the manifests do not say how many figures they
-- share; a picture, which keeps no figures, is none.
WITH alike AS (
    SELECT dataset, indicator, year, from_vintage, to_vintage, count(*) AS figures
    FROM fact_gdp
    GROUP BY dataset, indicator, year, from_vintage, to_vintage
), spoken AS (
    SELECT s.dataset, s.vintage, s.indicator, s.last_year - s.first_year + 1 AS years, count(DISTINCT a.year) AS held_years,
           coalesce(sum(a.figures), 0) AS figures
    FROM dim_scope AS s
    LEFT JOIN alike AS a ON a.dataset = s.dataset AND a.indicator = s.indicator
         AND a.year BETWEEN s.first_year AND s.last_year
         AND a.from_vintage <= s.vintage AND (a.to_vintage IS NULL OR a.to_vintage > s.vintage)
    GROUP BY s.dataset, s.vintage, s.indicator, s.first_year, s.last_year
), counted AS (
    SELECT h.dataset, h.vintage, sum(h.figures) AS figures
    FROM (SELECT dataset, vintage, figures FROM spoken
          UNION ALL
          SELECT k.dataset, k.vintage, 1
          FROM dim_scope_key AS k
          JOIN fact_gdp AS f ON f.dataset = k.dataset AND f.indicator = k.indicator AND f.iso3 = k.iso3
               AND f.year = k.year AND f.from_vintage <= k.vintage
               AND (f.to_vintage IS NULL OR f.to_vintage > k.vintage)) AS h
    GROUP BY h.dataset, h.vintage
), told AS (
    SELECT v.dataset, v.vintage, max(b.figures) AS figures
    FROM etl_batch AS b
    JOIN dim_vintage AS v ON v.dataset = b.dataset AND v.label = b.label AND v.updated = b.updated
    WHERE NOT (v.dating = 'observed' AND v.dataset LIKE 'table:%')
    GROUP BY v.dataset, v.vintage
    HAVING count(*) = 1
)
SELECT t.dataset, t.vintage, 'figures' AS what, t.figures AS expected, coalesce(c.figures, 0) AS held
FROM told AS t
LEFT JOIN counted AS c ON c.dataset = t.dataset AND c.vintage = t.vintage
WHERE t.figures <> coalesce(c.figures, 0)
UNION ALL
SELECT dataset, vintage, 'years of ' || indicator, years, held_years FROM spoken WHERE years <> held_years
