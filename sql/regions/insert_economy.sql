INSERT INTO economies (Country, ISO3, Subregion) VALUES (?, ?, ?)
