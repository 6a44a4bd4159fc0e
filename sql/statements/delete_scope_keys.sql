DELETE FROM dim_scope_key WHERE dataset = :dataset AND vintage = :vintage
