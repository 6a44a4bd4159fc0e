-- The materialized views of the schema.
SELECT trim(name) AS name FROM svv_mv_info WHERE schema_name = :schema
