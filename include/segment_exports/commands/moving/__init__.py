"""``make move``: whoever may not be mailed by one account may not be by the other, before the first export.

command       the command line
accounts      from where to where, and which lists are ours
move          the order in which it is done
refused       people who may not be mailed, on disk
marker        the note of a move that was done
told          what it did, as text
"""
