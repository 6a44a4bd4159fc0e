-- The ledger tells how long a load took: when it began beside when it was written.
ALTER TABLE etl_load ADD COLUMN started_at TEXT NOT NULL DEFAULT '';
