INSERT INTO picture (id, dataset, label, updated, channel, run_id)
VALUES (1, :dataset, :label, :updated, :channel, :run_id)
ON CONFLICT (id) DO UPDATE SET
    dataset = excluded.dataset, label = excluded.label, updated = excluded.updated, channel = excluded.channel,
    run_id = excluded.run_id
