-- The :top largest records, in the order of the key.
SELECT * FROM Countries_by_GDP
WHERE 1 /*year*/
ORDER BY GDP_USD_billion DESC, Country
LIMIT :top
