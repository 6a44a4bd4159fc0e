-- Which migration the database is at.
SELECT user_version AS version FROM pragma_user_version
