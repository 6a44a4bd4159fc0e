-- The ledger tells how long a load took: when it began beside when it was written.
ALTER TABLE etl_load ADD COLUMN started_at text COLLATE "C" NOT NULL DEFAULT '';
