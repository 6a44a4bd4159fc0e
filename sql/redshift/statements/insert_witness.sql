-- The same run loading the same batch again is the same arrival: nothing is written while the table has it.
INSERT INTO etl_load (run_id, batch_id, channel, archive_id, sha256, url, fetched_at, started_at, loaded_at, accepted)
SELECT b.run_id, b.batch_id, b.channel, b.archive_id, b.sha256, b.url, b.fetched_at, b.started_at, b.loaded_at,
       b.accepted
FROM (SELECT CAST(:run_id AS VARCHAR(256)) AS run_id, CAST(:batch_id AS VARCHAR(1024)) AS batch_id,
             CAST(:channel AS VARCHAR(64)) AS channel, CAST(:archive_id AS VARCHAR(1024)) AS archive_id,
             CAST(:sha256 AS VARCHAR(64)) AS sha256, CAST(:url AS VARCHAR(8192)) AS url,
             CAST(:fetched_at AS VARCHAR(64)) AS fetched_at, CAST(:started_at AS VARCHAR(64)) AS started_at,
             CAST(:loaded_at AS VARCHAR(64)) AS loaded_at, CAST(:accepted AS VARCHAR(256)) AS accepted) AS b
LEFT JOIN etl_load AS l ON l.run_id = b.run_id AND l.batch_id = b.batch_id
WHERE l.run_id IS NULL;
