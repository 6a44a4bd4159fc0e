UPDATE picture SET label = :label, updated = :updated
WHERE dataset = :dataset AND label = :old_label AND updated = :old_updated
