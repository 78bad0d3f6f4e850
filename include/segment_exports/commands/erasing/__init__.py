"""``make erase``: erased people are held back, and taken out.

erasure        hold erased people back, and take them out
erased_there   delete them at the destinations too
erased_files   take them out of the files of runs
erasure_told   what an erasure did, as text
"""
