"""What an export notes beside its runs, so that it is known when their files are gone; and a run of people.

begun     which chunks a run began to send, until it is settled
losses    what isn't known of the lists, until they are read back
past      runs whose history is purged
approval  what a person was asked of a run's plan, and decided
"""
