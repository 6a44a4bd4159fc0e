-- The key alone: COPY from Parquet wants as many columns in the table as in the file.
DROP TABLE IF EXISTS stage_delete_range;
CREATE TEMPORARY TABLE stage_delete_range (
    dataset       VARCHAR(256) NOT NULL,
    indicator     VARCHAR(256) NOT NULL,
    iso3          VARCHAR(3) NOT NULL,
    year          INTEGER NOT NULL,
    from_vintage  VARCHAR(512) NOT NULL
) DISTSTYLE KEY DISTKEY (iso3) COMPOUND SORTKEY (dataset, indicator, year);
