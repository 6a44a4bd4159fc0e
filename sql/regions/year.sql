-- The latest year that is held; asked of small databases only.
SELECT max(Year) FROM Countries_by_GDP
