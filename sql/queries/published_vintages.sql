-- The vintages that results/GDP_history.csv refers to and results/datapackage.json cites, oldest first.
SELECT dataset, label, updated, published, dating, vintage FROM dim_vintage ORDER BY dataset, vintage
