-- The years the newest vintage of the picture's dataset has GDP for, and how many economies each.
SELECT year, count(*) AS economies
FROM figure_newest
WHERE dataset = (SELECT dataset FROM picture) AND indicator = 'NGDPD'
GROUP BY year
ORDER BY year
