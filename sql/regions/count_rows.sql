-- How many records there are; reads every leaf of the table.
SELECT count(*) FROM Countries_by_GDP
