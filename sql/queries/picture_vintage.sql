-- What the picture shows: dataset, vintage with its dates, channel, the year of its figures.
SELECT p.dataset, p.label, v.published, v.updated, p.channel, p.run_id,
       (SELECT max(Year) FROM Countries_by_GDP) AS year,
       (SELECT count(*) FROM Countries_by_GDP) AS economies
FROM picture AS p
JOIN dim_vintage AS v USING (dataset, label, updated)
