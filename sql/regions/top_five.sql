-- The mean of the five largest figures as published, how many there are of five, and whose they are.
SELECT avg(GDP_as_published) AS mean, count(*) AS counted, group_concat(ISO3, ' ') AS whose
FROM (SELECT g.GDP_as_published, e.ISO3
      FROM Countries_by_GDP AS g
      LEFT JOIN economies AS e USING (Country)
      WHERE 1 /*year*/
      ORDER BY g.GDP_USD_billion DESC, g.Country
      LIMIT 5)
