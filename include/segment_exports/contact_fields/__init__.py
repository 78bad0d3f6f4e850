"""The fields of a contact: what they become at each destination, and how a contact is written as JSON."""
