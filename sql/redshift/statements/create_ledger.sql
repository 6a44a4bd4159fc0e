-- What the schema is at, and what a load holds while it works: nobody reads it, so that readers never wait.
CREATE TABLE etl_schema (version INTEGER NOT NULL, applied_at VARCHAR(64) NOT NULL);
CREATE TABLE etl_lock (held INTEGER);
