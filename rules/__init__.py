"""What is true of figures, once, for every engine: cleaning, identity, indicators, gates. No file, no network."""
