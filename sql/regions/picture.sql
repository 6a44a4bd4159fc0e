-- What the database holds, and of which run.
SELECT region, rows, dataset, label, published, updated, dating, channel, run_id, region_version, decimals FROM picture
