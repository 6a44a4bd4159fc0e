-- Economies of :min_gdp billion US dollars and more, largest first, with what is known of them in the same year.
-- GDP is the text as published: whoever shows it rounds it once, on the decimal. :region NULL is all regions, :year NULL
-- the year of the picture, :top NULL all.
WITH shown AS (
    SELECT Country, CAST(GDP_as_published AS REAL) AS gdp, GDP_as_published, Region, Subregion, ISO3, Year, Forecast,
           Dataset
    FROM Countries_by_GDP
    WHERE :year IS NULL
    UNION ALL
    SELECT c.name, f.value, f.value_text, c.region, c.subregion, c.iso3, f.year, f.forecast, f.dataset
    FROM figure_newest AS f
    JOIN dim_country AS c USING (iso3)
    WHERE :year IS NOT NULL AND f.year = :year AND f.indicator = 'NGDPD'
      AND f.dataset = (SELECT dataset FROM picture)
)
SELECT row_number() OVER (ORDER BY s.gdp DESC, s.ISO3) AS Rank,
       s.Country, s.GDP_as_published AS GDP_USD_billion,
       growth.value AS Growth_percent, head.value AS GDP_per_head_USD,
       people.value AS Population_million, prices.value AS Inflation_percent,
       s.Region, s.Subregion, s.ISO3, s.Year, s.Forecast
FROM shown AS s
LEFT JOIN figure_newest AS growth ON growth.dataset = s.Dataset AND growth.indicator = 'NGDP_RPCH'
     AND growth.year = s.Year AND growth.iso3 = s.ISO3
LEFT JOIN figure_newest AS head ON head.dataset = s.Dataset AND head.indicator = 'NGDPDPC'
     AND head.year = s.Year AND head.iso3 = s.ISO3
LEFT JOIN figure_newest AS people ON people.dataset = s.Dataset AND people.indicator = 'LP'
     AND people.year = s.Year AND people.iso3 = s.ISO3
LEFT JOIN figure_newest AS prices ON prices.dataset = s.Dataset AND prices.indicator = 'PCPIPCH'
     AND prices.year = s.Year AND prices.iso3 = s.ISO3
WHERE s.gdp >= :min_gdp AND (:region IS NULL OR s.Region = :region)
ORDER BY s.gdp DESC, s.ISO3
LIMIT coalesce(:top, -1)
