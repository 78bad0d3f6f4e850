"""The course of Customer Insights' refresh, and which snapshot is read."""
