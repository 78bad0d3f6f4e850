"""The core of segment exports: plain Python over Arrow that imports no Airflow.

Segments of Dynamics 365 Customer Insights become contacts and list membership in Autopilot.
``docs/architecture.md`` says which module does what and what the files between the steps hold.
"""
