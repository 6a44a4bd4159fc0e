DELETE FROM fact_gdp WHERE dataset = ? AND indicator = ? AND iso3 = ? AND year = ? AND from_vintage = ?
