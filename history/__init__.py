"""Vintages, scopes, value ranges and as-of: pure functions, no file and no network."""
