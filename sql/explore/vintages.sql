WITH asked AS (SELECT NULL AS dataset)
SELECT dataset, label, published, updated, dating, channel FROM (/* queries/editions.sql of asked */)
ORDER BY dataset, vintage
