"""The Airflow provider of segment exports: connection types, hooks, operators and sensors."""
