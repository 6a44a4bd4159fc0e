-- The names of the economies, for results/GDP_history.csv.
SELECT iso3, name FROM dim_country
