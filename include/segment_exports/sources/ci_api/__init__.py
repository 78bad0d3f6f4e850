"""Customer Insights' own REST API."""
