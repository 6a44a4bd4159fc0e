-- What was loaded, a line an arrival: the piece (a batch: one vintage from one source), the digest of its clean records,
-- how many there are, and from when to when the load ran whose transaction holds it.
CREATE VIEW etl_ledger AS
SELECT l.run_id AS run, b.dataset, v.vintage, b.batch_id AS piece, b.digest AS sha256, b.figures AS "rows",
       l.started_at AS started, l.loaded_at AS committed
FROM etl_load AS l
JOIN etl_batch AS b ON b.batch_id = l.batch_id
JOIN dim_vintage AS v ON v.dataset = b.dataset AND v.label = b.label AND v.updated = b.updated;
