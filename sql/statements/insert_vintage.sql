-- A label that a user gives first and the publisher states later is stated, in whatever order the two come.
INSERT INTO dim_vintage (dataset, label, updated, published, dating, vintage)
VALUES (:dataset, :label, :updated, :published, :dating, :vintage)
ON CONFLICT (dataset, label, updated) DO UPDATE SET dating = excluded.dating WHERE excluded.dating = 'stated'
