"""Rows of a file that name its columns instead of telling of a person.

header        a first row that names the columns
first_row     one that may be a header in other words
mixed_rows    headers amid the rows
column_names  names of columns, however they are written
"""
