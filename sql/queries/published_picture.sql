-- results/Countries_by_GDP.csv: the newest picture, largest economy first; its columns in their order.
SELECT Country, GDP_USD_billion, GDP_as_published, Region, Subregion, ISO3, Year, Forecast, Dataset, Vintage, Extracted_At
FROM Countries_by_GDP
ORDER BY CAST(GDP_as_published AS REAL) DESC, ISO3
