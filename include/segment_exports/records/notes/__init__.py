"""What an export notes beside its runs, until a later one has made up for it.

losses  what isn't known of the lists, until they are read back
"""
