-- GDP of the newest vintage of a dataset in the year of that vintage's picture; where cells carry their own years
-- (picture_year 0) the latest of each economy. One row an economy.
WITH newest AS (
    SELECT b.dataset, b.label, b.picture_year, l.channel, max(l.fetched_at) AS fetched_at
    FROM etl_batch AS b
    JOIN etl_load AS l USING (batch_id)
    WHERE b.dataset = :dataset AND b.label = :label AND b.updated = :updated
    GROUP BY b.batch_id
    ORDER BY fetched_at DESC
    LIMIT 1
),
ranked AS (
    SELECT f.*, row_number() OVER (PARTITION BY f.iso3 ORDER BY f.year DESC) AS place
    FROM figure_newest AS f
    JOIN newest USING (dataset)
    WHERE f.indicator = 'NGDPD' AND (newest.picture_year = 0 OR f.year = newest.picture_year)
)
SELECT c.name AS Country, r.value_text AS GDP_as_published, c.region AS Region, c.subregion AS Subregion,
       c.iso3 AS ISO3, r.year AS Year, r.forecast AS Forecast, n.dataset AS Dataset, n.label AS Vintage,
       n.fetched_at AS Extracted_At, n.channel AS Channel
FROM ranked AS r
JOIN dim_country AS c USING (iso3)
JOIN newest AS n
WHERE r.place = 1
