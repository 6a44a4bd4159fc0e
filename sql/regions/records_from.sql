-- Records of :min_gdp billion US dollars and more, as published, in the order of the key: largest first; :top NULL is all.
SELECT * FROM Countries_by_GDP
WHERE GDP_USD_billion >= :min_gdp - 0.01 AND GDP_as_published >= :min_gdp /*year*/
ORDER BY GDP_USD_billion DESC, Country
LIMIT coalesce(:top, -1)
