-- Which migration the schema is at.
SELECT max(version) AS version FROM etl_schema
