-- Vintages that no batch brought, and batches of a vintage that is not there.
SELECT 'batch' AS missing, v.dataset, v.vintage AS key
FROM dim_vintage AS v
WHERE NOT EXISTS (
      SELECT 1 FROM etl_batch AS b WHERE b.dataset = v.dataset AND b.label = v.label AND b.updated = v.updated)
UNION ALL
SELECT 'vintage', b.dataset, b.batch_id
FROM etl_batch AS b
WHERE NOT EXISTS (
      SELECT 1 FROM dim_vintage AS v WHERE v.dataset = b.dataset AND v.label = b.label AND v.updated = b.updated)
