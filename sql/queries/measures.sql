-- What SQLite tells of its file, in bytes: the size, how much of it holds nothing, and the memory that each connection
-- sets aside for pages of it. How often a page is found there cannot be asked in SQL.
SELECT p.page_count * s.page_size AS size, f.freelist_count * s.page_size AS unused,
       CASE WHEN c.cache_size < 0 THEN -1024 * c.cache_size ELSE c.cache_size * s.page_size END AS cache
FROM pragma_page_count AS p, pragma_page_size AS s, pragma_freelist_count AS f, pragma_cache_size AS c
