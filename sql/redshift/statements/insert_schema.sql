INSERT INTO etl_schema (version, applied_at) VALUES (:version, :applied_at)
