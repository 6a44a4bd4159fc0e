-- Every column of every table and view of the schema that the search path names first, in its place; but for the tables
-- that Redshift keeps behind materialized views.
SELECT table_name AS "table", column_name AS "column", data_type AS type, is_nullable = 'YES' AS nullable
FROM information_schema.columns
WHERE table_schema = current_schema() AND substring(table_name, 1, 8) <> 'mv_tbl__'
ORDER BY table_name, ordinal_position
