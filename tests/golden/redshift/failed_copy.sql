-- COPY from columnar data formats; Using a manifest to specify data files
COPY stage_insert_range FROM 's3://world/stage/imf-weo.2024-04/<digest>/insert_range-<digest>.manifest' IAM_ROLE 'arn:aws:iam::123456789012:role/reads-the-stage' FORMAT AS PARQUET MANIFEST;

-- ROLLBACK
rollback;

-- SYS_LOAD_ERROR_DETAIL
SELECT trim(file_name) AS file, line_number AS line, trim(column_name) AS field, trim(error_message) AS reason
FROM sys_load_error_detail
WHERE session_id = pg_backend_pid()
ORDER BY start_time DESC
LIMIT 1;
