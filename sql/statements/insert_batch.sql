INSERT INTO etl_batch (batch_id, dataset, label, updated, digest, figures)
VALUES (:batch_id, :dataset, :label, :updated, :digest, :figures)
