-- What PostgreSQL tells of the schema, in bytes and in blocks since its statistics began: tables with their indexes on
-- the disk, the memory of the server for blocks, blocks of the schema found there and asked of the system, and what
-- queries of the whole database wrote to temporary files because their memory (work_mem) was too small.
SELECT (SELECT CAST(coalesce(sum(pg_total_relation_size(c.oid)), 0) AS bigint)
        FROM pg_class AS c
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'm')) AS size,
       pg_size_bytes(current_setting('shared_buffers')) AS cache,
       io.hits, io.misses,
       (SELECT d.temp_bytes FROM pg_stat_database AS d WHERE d.datname = current_database()) AS spilled
FROM (SELECT CAST(coalesce(sum(coalesce(heap_blks_hit, 0) + coalesce(idx_blks_hit, 0) + coalesce(toast_blks_hit, 0)
                               + coalesce(tidx_blks_hit, 0)), 0) AS bigint) AS hits,
             CAST(coalesce(sum(coalesce(heap_blks_read, 0) + coalesce(idx_blks_read, 0) + coalesce(toast_blks_read, 0)
                               + coalesce(tidx_blks_read, 0)), 0) AS bigint) AS misses
      FROM pg_statio_user_tables
      WHERE schemaname = current_schema()) AS io
