DELETE FROM etl_view WHERE name = :name;
INSERT INTO etl_view (name, sha256)
VALUES (:name, :sha256)
