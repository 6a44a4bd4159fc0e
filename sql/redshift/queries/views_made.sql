-- The views that loads have made, and of which text.
SELECT name, sha256 FROM etl_view
