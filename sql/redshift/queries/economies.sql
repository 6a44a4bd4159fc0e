-- Economies of :min_gdp billion US dollars and more, largest first, with what :vintage of :dataset says of them in the
-- same year. :picture 1: those of Countries_by_GDP; 0: those of the vintage in :year, or with :own 1, where cells carry
-- their own years, of the keys that it speaks for itself; :year NULL is then the latest of each economy.
-- GDP is the text as published: whoever shows it rounds it once, on the decimal. :region NULL is all regions,
-- :top NULL all.
-- A subquery behind OR that looks at the row outside is a pattern that Redshift may refuse: a join says the same here.
-- LIMIT takes a number and no expression: the rank is compared instead.
WITH held AS (
    SELECT f.iso3, f.year, f.value, f.value_text, f.forecast,
           row_number() OVER (PARTITION BY f.iso3 ORDER BY f.year DESC) AS place
    FROM fact_gdp AS f
    LEFT JOIN dim_scope_key AS k ON k.dataset = f.dataset AND k.indicator = f.indicator AND k.iso3 = f.iso3
         AND k.year = f.year AND k.vintage = :vintage
    WHERE :picture = 0 AND f.dataset = :dataset AND f.indicator = 'NGDPD' AND (:year IS NULL OR f.year = :year)
      AND f.from_vintage <= :vintage AND (f.to_vintage IS NULL OR f.to_vintage > :vintage)
      AND (:own = 0 OR k.iso3 IS NOT NULL)
),
shown AS (
    SELECT Country, CAST(GDP_as_published AS DOUBLE PRECISION) AS gdp, GDP_as_published, Region, Subregion, ISO3,
           Year, Forecast
    FROM Countries_by_GDP
    WHERE :picture = 1
    UNION ALL
    SELECT c.name, h.value, h.value_text, c.region, c.subregion, h.iso3, h.year, h.forecast
    FROM held AS h
    JOIN dim_country AS c USING (iso3)
    WHERE h.place = 1
)
SELECT r.*
FROM (SELECT row_number() OVER (ORDER BY s.gdp DESC, s.ISO3) AS "Rank",
             s.Country AS "Country", s.GDP_as_published AS "GDP_USD_billion",
             growth.value AS "Growth_percent", head.value AS "GDP_per_head_USD",
             people.value AS "Population_million", prices.value AS "Inflation_percent",
             s.Region AS "Region", s.Subregion AS "Subregion", s.ISO3 AS "ISO3", s.Year AS "Year",
             s.Forecast AS "Forecast"
      FROM shown AS s
      LEFT JOIN fact_gdp AS growth ON growth.dataset = :dataset AND growth.indicator = 'NGDP_RPCH'
           AND growth.iso3 = s.ISO3 AND growth.year = s.Year
           AND growth.from_vintage <= :vintage AND (growth.to_vintage IS NULL OR growth.to_vintage > :vintage)
      LEFT JOIN fact_gdp AS head ON head.dataset = :dataset AND head.indicator = 'NGDPDPC'
           AND head.iso3 = s.ISO3 AND head.year = s.Year
           AND head.from_vintage <= :vintage AND (head.to_vintage IS NULL OR head.to_vintage > :vintage)
      LEFT JOIN fact_gdp AS people ON people.dataset = :dataset AND people.indicator = 'LP'
           AND people.iso3 = s.ISO3 AND people.year = s.Year
           AND people.from_vintage <= :vintage AND (people.to_vintage IS NULL OR people.to_vintage > :vintage)
      LEFT JOIN fact_gdp AS prices ON prices.dataset = :dataset AND prices.indicator = 'PCPIPCH'
           AND prices.iso3 = s.ISO3 AND prices.year = s.Year
           AND prices.from_vintage <= :vintage AND (prices.to_vintage IS NULL OR prices.to_vintage > :vintage)
      WHERE s.gdp >= :min_gdp AND (:region IS NULL OR s.Region = :region)) AS r
WHERE r."Rank" <= coalesce(:top, 1000000000)
ORDER BY r."Rank"
