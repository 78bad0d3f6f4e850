"""Ortto: its API, its tags and fields, and how contacts become people there.

faces           what leads to its faces
api             its addresses, header and limits
client          the endpoints
ban             the budget of bad requests that keeps clear of it
answers         what its answers mean
account         can an account be sent to
account_check   whether it answers, and where a key is of another region
reading         who has a tag, who is there
cost            what a plan costs in requests
account_fields  custom fields: found by name, or made
tags            tags by title: ours, adopted, or made by use
permissions     who has unsubscribed there
archive         who has, and is in the archive
erasing         one person, archived and then deleted
refusals        people who come from elsewhere and may not be mailed
destination     a chunk's fields and tags; then which step an item of the queue is the work of
delivering      those steps
"""
