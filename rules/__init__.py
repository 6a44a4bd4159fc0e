"""What is true of figures, once, for every engine: cleaning, identity, regions, indicators, gates. No file, no network."""
