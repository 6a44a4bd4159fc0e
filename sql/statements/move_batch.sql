-- The vintage turned out to be another: its arrivals are witnesses of that one.
UPDATE etl_batch SET label = :label, updated = :updated
WHERE dataset = :dataset AND label = :old_label AND updated = :old_updated
