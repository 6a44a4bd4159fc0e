-- results/Countries_by_GDP.csv: the newest picture, largest economy first; its columns in their order.
SELECT Country AS "Country", GDP_USD_billion AS "GDP_USD_billion", GDP_as_published AS "GDP_as_published", Region AS "Region",
       Subregion AS "Subregion", ISO3 AS "ISO3", Year AS "Year", Forecast AS "Forecast", Dataset AS "Dataset",
       Vintage AS "Vintage", Extracted_At AS "Extracted_At"
FROM Countries_by_GDP
ORDER BY CAST(GDP_as_published AS DOUBLE PRECISION) DESC, ISO3
