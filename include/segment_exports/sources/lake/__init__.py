"""Customer Insights' lake export: CSV files and a ``model.json``.

source      the way in
model_json  which tables, columns and files there are
locations   where the files lie
csv_files   CSV as Arrow batches
"""
