"""``make check``: would the exports run, and what would they send.

export_check        every definition held against its source
check_result        what that found
values_check        what the values of profiles would become
told_of_destination what a definition means at its destination
export_check_table  all that as text
"""
