-- What Redshift tells of the schema's size, in bytes: it counts blocks of 1 MiB. A user who is no superuser sees none.
SELECT CAST(sum(size) AS BIGINT) * 1048576 AS size FROM svv_table_info WHERE "schema" = current_schema()
