"""Autopilot: its API, its lists and its ways of keeping membership.

faces           what leads to its faces
api             its address, header and limits
client          the endpoints
answers         what its answers mean
account         an account, asked outside of a delivery: can it be sent to, who is there and may be mailed
destination     a chunk's lists are found or made; then which step an item of the queue is the work of
chunk_delivery  what these steps share, and what is queued for whom
lists           lists by title: ours, adopted, or made once
membership      ways of keeping membership, and what each costs
probing         does a bulk upsert honour a list id
batches         bulk upserts, split where they are refused; why a contact is rejected
bodies          the JSON of a batch
singles         calls for one contact: leave, join, unsubscribe; why one is rejected
look_ups        contacts of earlier addresses, and those named by an id alone
erasing         people who are deleted
restoring       addresses that have another contact there than the known one, or none
"""
