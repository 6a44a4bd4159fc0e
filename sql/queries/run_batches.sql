-- What came with each run. Two workspaces may have named a run alike.
SELECT DISTINCT run_id, batch_id FROM etl_load
