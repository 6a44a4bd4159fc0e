DELETE FROM dim_scope WHERE dataset = :dataset AND vintage = :vintage
