-- What the schema is at; the texts of its views, so that one is made anew where its text is another, and no reader
-- waits for it otherwise; and what a load holds while it works, which nobody reads.
CREATE TABLE etl_schema (version INTEGER NOT NULL, applied_at VARCHAR(64) NOT NULL);
CREATE TABLE etl_view (name VARCHAR(128) NOT NULL, sha256 VARCHAR(64) NOT NULL);
CREATE TABLE etl_lock (held INTEGER);
