"""Customer Insights' lake export: CSV files and a ``model.json``."""
