-- What the forms of the picture are asked, as the parameters of queries/economies.sql and queries/regions.sql.
SELECT p.dataset, v.vintage, 1 AS picture, NULL AS year, 0 AS own
FROM picture AS p
JOIN dim_vintage AS v USING (dataset, label, updated)
