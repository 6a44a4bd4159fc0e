INSERT INTO dim_scope (dataset, indicator, vintage, first_year, last_year)
VALUES (:dataset, :indicator, :vintage, :first_year, :last_year)
