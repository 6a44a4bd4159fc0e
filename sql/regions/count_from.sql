-- How many records have :min_gdp billion US dollars and more, as published. The first condition finds where they begin in
-- the key: rounding moves a figure by half a hundredth at most.
SELECT count(*) FROM Countries_by_GDP
WHERE GDP_USD_billion >= :min_gdp - 0.01 AND GDP_as_published >= :min_gdp /*year*/
