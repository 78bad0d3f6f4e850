"""Hooks: they resolve Airflow's connections and hand plain values to the core.

autopilot          Autopilot
dataverse          Dataverse
customer_insights  Customer Insights' REST API
app_registration   what Microsoft's services share
"""
