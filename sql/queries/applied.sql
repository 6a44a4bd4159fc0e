-- The ledger's row of a batch, if it is applied.
SELECT batch_id FROM etl_batch WHERE batch_id = :batch_id
