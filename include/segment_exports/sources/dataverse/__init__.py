"""The Dataverse tables that Customer Insights writes."""
