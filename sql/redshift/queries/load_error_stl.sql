-- The same as load_error.sql, where a cluster does not let one ask SYS_LOAD_ERROR_DETAIL.
SELECT trim(filename) AS file, line_number AS line, trim(colname) AS field, trim(err_reason) AS reason
FROM stl_load_errors
WHERE session = pg_backend_pid()
ORDER BY starttime DESC
LIMIT 1
