"""Hooks: they resolve Airflow's connections and hand plain values to the core."""
