"""The fields of a contact: what they become at each destination, and how a contact is written as JSON.

fields              neutral names and types, in which every mapping is written
destination_fields  the first face of a destination
text_forms          how a source may write dates and numbers
form_columns        columns of such a form in ISO 8601 and with a decimal point
opening             from ``destination.type`` to that face
autopilot           Autopilot's
ortto               Ortto's
ortto_names         its own fields by id, and its custom ones by name
ortto_columns       columns of text as the JSON values of its types
json_columns        JSON of many contacts at once
"""
