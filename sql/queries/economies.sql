-- Economies of :min_gdp billion US dollars and more, largest first, with what :vintage of :dataset says of them in the
-- same year. :picture 1: those of Countries_by_GDP; 0: those of the vintage in :year, or with :own 1, where cells carry
-- their own years, of the keys that it speaks for itself; :year NULL is then the latest of each economy.
-- GDP is the text as published: whoever shows it rounds it once, on the decimal. :region NULL is all regions, :top NULL
-- all. The others are asked one by one: as joins SQLite reads all of fact_gdp for each, which takes 77 times as long.
WITH held AS (
    SELECT f.iso3, f.year, f.value, f.value_text, f.forecast,
           row_number() OVER (PARTITION BY f.iso3 ORDER BY f.year DESC) AS place
    FROM fact_gdp AS f
    WHERE :picture = 0 AND f.dataset = :dataset AND f.indicator = 'NGDPD' AND (:year IS NULL OR f.year = :year)
      AND f.from_vintage <= :vintage AND (f.to_vintage IS NULL OR f.to_vintage > :vintage)
      AND (:own = 0 OR EXISTS (
          SELECT 1 FROM dim_scope_key AS k
          WHERE k.dataset = f.dataset AND k.indicator = f.indicator AND k.iso3 = f.iso3 AND k.year = f.year
            AND k.vintage = :vintage))
),
shown AS (
    SELECT Country, CAST(GDP_as_published AS DOUBLE PRECISION) AS gdp, GDP_as_published, Region, Subregion, ISO3, Year, Forecast
    FROM Countries_by_GDP
    WHERE :picture = 1
    UNION ALL
    SELECT c.name, h.value, h.value_text, c.region, c.subregion, h.iso3, h.year, h.forecast
    FROM held AS h
    JOIN dim_country AS c USING (iso3)
    WHERE h.place = 1
)
SELECT row_number() OVER (ORDER BY s.gdp DESC, s.ISO3) AS "Rank",
       s.Country AS "Country", s.GDP_as_published AS "GDP_USD_billion",
       (SELECT f.value FROM fact_gdp AS f
        WHERE f.dataset = :dataset AND f.indicator = 'NGDP_RPCH' AND f.iso3 = s.ISO3 AND f.year = s.Year
          AND f.from_vintage <= :vintage AND (f.to_vintage IS NULL OR f.to_vintage > :vintage)) AS "Growth_percent",
       (SELECT f.value FROM fact_gdp AS f
        WHERE f.dataset = :dataset AND f.indicator = 'NGDPDPC' AND f.iso3 = s.ISO3 AND f.year = s.Year
          AND f.from_vintage <= :vintage AND (f.to_vintage IS NULL OR f.to_vintage > :vintage)) AS "GDP_per_head_USD",
       (SELECT f.value FROM fact_gdp AS f
        WHERE f.dataset = :dataset AND f.indicator = 'LP' AND f.iso3 = s.ISO3 AND f.year = s.Year
          AND f.from_vintage <= :vintage AND (f.to_vintage IS NULL OR f.to_vintage > :vintage)) AS "Population_million",
       (SELECT f.value FROM fact_gdp AS f
        WHERE f.dataset = :dataset AND f.indicator = 'PCPIPCH' AND f.iso3 = s.ISO3 AND f.year = s.Year
          AND f.from_vintage <= :vintage AND (f.to_vintage IS NULL OR f.to_vintage > :vintage)) AS "Inflation_percent",
       s.Region AS "Region", s.Subregion AS "Subregion", s.ISO3 AS "ISO3", s.Year AS "Year", s.Forecast AS "Forecast"
FROM shown AS s
WHERE s.gdp >= :min_gdp AND (:region IS NULL OR s.Region = :region)
ORDER BY s.gdp DESC, s.ISO3
LIMIT coalesce(:top, 1000000000)
