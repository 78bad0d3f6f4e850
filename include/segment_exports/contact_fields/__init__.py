"""The fields of a contact: what they become at each destination, and how a contact is written as JSON.

fields              neutral names and types, in which every mapping is written
destination_fields  the first face of a destination
opening             from ``destination.type`` to that face
autopilot           Autopilot's
json_columns        JSON of many contacts at once
"""
