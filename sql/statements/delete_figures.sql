DELETE FROM figure_newest WHERE dataset = :dataset
