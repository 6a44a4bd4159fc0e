-- What the last COPY of this session could not load.
SELECT trim(file_name) AS file, line_number AS line, trim(column_name) AS field, trim(error_message) AS reason
FROM sys_load_error_detail
WHERE session_id = pg_backend_pid()
ORDER BY start_time DESC
LIMIT 1
