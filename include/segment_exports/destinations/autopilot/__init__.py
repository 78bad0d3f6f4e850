"""Client of Autopilot's REST API and what the delivery needs to know of its lists and membership."""
