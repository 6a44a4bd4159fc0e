DROP TABLE IF EXISTS stage_insert_scope_key;
CREATE TEMPORARY TABLE stage_insert_scope_key (LIKE dim_scope_key);
