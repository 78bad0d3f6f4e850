"""Arrow tables: the schema of every file, and how sorted and sharded Parquet is read and written."""
