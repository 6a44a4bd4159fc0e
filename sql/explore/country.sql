-- Every value ever held of a country's figures, year by year: which vintage said it first, and which last. Nothing typed:
-- the GDP of the largest economy.
WITH asked AS (
    SELECT p.dataset, coalesce(nullif(upper(trim(:indicator)), ''), 'NGDPD') AS indicator,
           CASE WHEN trim(:country) = '' THEN (SELECT ISO3 FROM Countries_by_GDP ORDER BY GDP_USD_billion DESC LIMIT 1)
                ELSE (SELECT max(iso3) FROM dim_country
                      WHERE lower(trim(:country)) IN (lower(iso3), lower(name))) END AS iso3
    FROM picture AS p
)
SELECT c.name AS "Country", f.year AS "Year", f.value, f.forecast, v.label AS first_vintage,
       (SELECT l.label FROM dim_vintage AS l
        WHERE l.dataset = f.dataset AND (f.to_vintage IS NULL OR l.vintage < f.to_vintage)
        ORDER BY l.vintage DESC LIMIT 1) AS last_vintage,
       f.to_vintage IS NULL AS holds
FROM asked AS a
JOIN fact_gdp AS f ON f.dataset = a.dataset AND f.indicator = a.indicator AND f.iso3 = a.iso3
     AND (trim(:year) = '' OR f.year = CAST(trim(:year) AS INTEGER))
JOIN dim_vintage AS v ON v.dataset = f.dataset AND v.vintage = f.from_vintage
JOIN dim_country AS c ON c.iso3 = f.iso3
ORDER BY f.year, f.from_vintage
