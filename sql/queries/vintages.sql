-- Every vintage of a dataset that the database has taken in.
SELECT label, published, updated, dating FROM dim_vintage WHERE dataset = :dataset ORDER BY vintage
