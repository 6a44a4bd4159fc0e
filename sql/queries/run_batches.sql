-- What came with each run, and the gates that were let through with it. Two workspaces may have named a run alike.
SELECT DISTINCT run_id, batch_id, accepted FROM etl_load
