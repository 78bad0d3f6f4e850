"""Arrow tables: the schema of every file, and how sorted Parquet is written and read.

schemas        the columns of every file
sorted_tables  files sorted by ``email_hash``, read side by side
row_groups     Parquet in row groups of a useful size
memberships    lists as a boolean matrix
"""
