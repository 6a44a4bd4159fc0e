-- Every column of every table, in its place; the columns of a key are never null.
SELECT m.name AS "table", c.name AS "column", c.type AS type, NOT (c."notnull" OR c.pk) AS nullable
FROM sqlite_master AS m
JOIN pragma_table_info(m.name) AS c
WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\'
ORDER BY m.name, c.cid
