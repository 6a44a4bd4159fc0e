-- The same run loading the same batch again is the same arrival.
INSERT INTO etl_load (run_id, batch_id, channel, archive_id, sha256, url, fetched_at, started_at, loaded_at, accepted)
VALUES (:run_id, :batch_id, :channel, :archive_id, :sha256, :url, :fetched_at, :started_at, :loaded_at, :accepted)
ON CONFLICT DO NOTHING
