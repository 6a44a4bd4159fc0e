-- Of Parquet a COPY takes no column list, no MAXERROR and no COMPUPDATE: columns go by their order, and one row that
-- does not fit fails all. Nothing can be bound in it: table, address and role are checked before they are put here.
COPY {stage} FROM '{manifest}' IAM_ROLE {role} FORMAT AS PARQUET MANIFEST
