INSERT INTO Countries_by_GDP (Country, GDP_USD_billion, GDP_as_published, Region, Subregion, ISO3, Year, Forecast,
                              Dataset, Vintage, Extracted_At)
VALUES (:Country, :GDP_USD_billion, :GDP_as_published, :Region, :Subregion, :ISO3, :Year, :Forecast,
        :Dataset, :Vintage, :Extracted_At)
