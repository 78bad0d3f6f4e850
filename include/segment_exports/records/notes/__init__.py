"""What an export notes beside its runs, so that it is known when their files are gone.

begun   which chunks a run began to send, until it is settled
losses  what isn't known of the lists, until they are read back
past    runs whose history is purged
"""
