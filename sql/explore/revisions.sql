-- What the newest vintage changed since another one, the one before it where nothing is typed; the largest first.
WITH asked AS (
    SELECT p.dataset, coalesce(nullif(upper(trim(:indicator)), ''), 'NGDPD') AS indicator FROM picture AS p
),
spoken AS (/* queries/spoken.sql of asked */),
between_them AS (
    SELECT a.dataset, a.indicator,
           (SELECT max(vintage) FROM spoken) AS now,
           CASE WHEN trim(:since) = '' THEN (SELECT vintage FROM spoken ORDER BY vintage DESC LIMIT 1 OFFSET 1)
                ELSE (SELECT max(v.vintage) FROM dim_vintage AS v
                      WHERE v.dataset = a.dataset AND v.label = trim(:since)) END AS "then",
           coalesce((SELECT max(iso3) FROM dim_country WHERE lower(trim(:country)) IN (lower(iso3), lower(name))),
                    nullif(trim(:country), '')) AS iso3,
           coalesce((SELECT max(region) FROM dim_country WHERE lower(region) = lower(trim(:region))),
                    nullif(trim(:region), '')) AS region,
           CAST(nullif(trim(:year), '') AS INTEGER) AS year
    FROM asked AS a
),
found AS (
    SELECT c.*, CAST(c.old_text AS REAL) AS was, CAST(c.new_text AS REAL) AS "is"
    FROM (/* queries/changes.sql of between_them */) AS c
)
SELECT "Country", "ISO3", "Year", kind, was, "is", round("is" - was, 6) AS change,
       round(100.0 * ("is" - was) / nullif(abs(was), 0), 4) AS percent, old_forecast, new_forecast
FROM found
ORDER BY abs("is" - was) DESC, "ISO3", "Year"
LIMIT coalesce(CAST(nullif(trim(:top), '') AS INTEGER), 100)
