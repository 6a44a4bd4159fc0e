DELETE FROM dim_vintage WHERE dataset = :dataset AND vintage = :vintage
