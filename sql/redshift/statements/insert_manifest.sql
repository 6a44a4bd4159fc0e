INSERT INTO etl_manifest (manifest, staged, sha256, bytes, row_count, loaded_at)
VALUES (:manifest, :staged, :sha256, :bytes, :row_count, :loaded_at)
