-- Gone with the session, distributed and sorted as the table is. TRUNCATE would commit: it is made anew instead.
DROP TABLE IF EXISTS stage_insert_range;
CREATE TEMPORARY TABLE stage_insert_range (LIKE fact_gdp);
