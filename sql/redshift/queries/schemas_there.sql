-- The schema, where there is one.
SELECT schema_name AS name FROM information_schema.schemata WHERE schema_name = :schema
