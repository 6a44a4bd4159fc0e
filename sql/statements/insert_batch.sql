INSERT INTO etl_batch (batch_id, dataset, label, updated, digest, figures, picture_year)
VALUES (:batch_id, :dataset, :label, :updated, :digest, :figures, :picture_year)
