INSERT INTO dim_vintage (dataset, label, updated, published, dating)
VALUES (:dataset, :label, :updated, :published, :dating)
ON CONFLICT DO NOTHING
