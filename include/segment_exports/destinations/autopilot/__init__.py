"""Autopilot: its API, its lists and its ways of keeping membership.

faces           what leads to its faces
client          the endpoints
answers         what its answers mean
account         whether an account can be sent to
reading         reading an account back, for planning
destination     which step an item of the queue is the work of
chunk_delivery  what these steps share, and what is queued for whom
targets         the lists of a chunk are found or made
lists           lists by title: ours, adopted, or made once
membership      ways of keeping membership
probing         does a bulk upsert honour a list id
batches         bulk upserts, split where they are refused; why a contact is rejected
bodies          the JSON of a batch
singles         calls for one contact: leave, join, unsubscribe, look up; why one is rejected
restoring       contacts that are gone there are sent whole again
"""
