"""What an export notes beside its runs, until a later one has made up for it.

begun   which chunks a run began to send, until it is settled
losses  what isn't known of the lists, until they are read back
"""
