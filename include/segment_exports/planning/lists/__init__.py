"""Which list a title means: memberships go with a list's id.

titles_now      the ledger, with every membership under the title that its list has now
held_by_others  lists on which another ledger has people
"""
