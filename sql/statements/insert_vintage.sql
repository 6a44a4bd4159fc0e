-- The best word of how it is dated stays: what a user gives first and the publisher states later is stated.
INSERT INTO dim_vintage (dataset, label, updated, published, dating, vintage)
VALUES (:dataset, :label, :updated, :published, :dating, :vintage)
ON CONFLICT (dataset, label, updated) DO UPDATE SET dating = excluded.dating
