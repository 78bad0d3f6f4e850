"""Hooks: they resolve Airflow's connections and hand plain values to the core.

destination        what all destinations share
autopilot          Autopilot
ortto              Ortto
dataverse          Dataverse
customer_insights  Customer Insights' REST API
answers            what the button Test says
app_registration   what Microsoft's services share
"""
