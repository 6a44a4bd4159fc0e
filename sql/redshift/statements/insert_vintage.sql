-- The best word of how it is dated stays; no ON CONFLICT here.
DELETE FROM dim_vintage WHERE dataset = :dataset AND label = :label AND updated = :updated;
INSERT INTO dim_vintage (dataset, label, updated, published, dating, vintage)
VALUES (:dataset, :label, :updated, :published, :dating, :vintage);
