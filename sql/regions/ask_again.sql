-- The picture stays, asked for by another run.
UPDATE picture SET run_id = ?
