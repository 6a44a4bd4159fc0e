"""The benchmark of large tables: the same work by our road and by others, measured in turns. See README.md here."""
