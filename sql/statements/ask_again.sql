-- The picture stays; the run that asked last is another.
UPDATE picture SET run_id = :run_id WHERE id = 1
