INSERT INTO picture (region, rows, dataset, label, published, updated, dating, channel, run_id, region_version, decimals)
VALUES (:region, 0, :dataset, :label, :published, :updated, :dating, :channel, :run_id, :region_version, :decimals)
