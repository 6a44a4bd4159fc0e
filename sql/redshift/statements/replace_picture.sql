DELETE FROM picture;
INSERT INTO picture (id, dataset, label, updated, channel, run_id)
VALUES (1, :dataset, :label, :updated, :channel, :run_id);
