"""Customer Insights' lake export: CSV files and a ``model.json``.

source       the way in
model_json   which tables, columns and files there are
locations    where the files lie
listing      what lies in a table's folder, read or not
csv_files    CSV as Arrow batches
headers      rows that name the columns, as the first one or amid the others
text_blocks  the text of a file in blocks, as UTF-8
encodings    whether bytes are of the encoding that is declared
cultures     dates and numbers as model.json says that they are written
parts        which files are parts of one table, by their names
wholeness    which snapshots are whole
seen_snapshots  what model.json said of each while it named it
storage      the folder on a file system that fails now and then
quoting      whether the quotes of a block are whole
quote_bits   the quotes of a block as bits
swallowed_rows  quoted values that hold rows of other people
"""
