"""The engine that delivers one chunk. It knows no destination: that is behind ``destination``.

engine       lets workers take items, watches for reasons to stop, closes the receipts
destination  the second face of a destination
job          what one upload task is asked to do, and what it answers
chunk        the contacts of a chunk in memory, and where each operation stands
chunk_file   reads the file of a chunk
content      what one batch carries out
payloads     of contacts that a chunk holds without
queue        what is to be sent next
erasures     who is erased while the chunk is on its way
course       how far it has come, for the log
progress     every outcome: its state, its receipt, the guard on rejections
flushing     receipts, written while requests go on
refusals     rejections, until it is known that others are taken
stopping     why a delivery ends early
"""
