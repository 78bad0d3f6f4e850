"""What a person runs from a shell.

export_check        ``make check``: would the exports run
check_result        what it found
values_check        what the values of profiles would become
told_of_destination what a definition means at its destination
export_check_table  that as text
new_export          ``make segments`` and ``make new-export``
exportable          what a source has, and guesses at its meaning
taken_names         what other exports write already
moving              ``make move``: from one destination to another
erasure             hold erased people back, and take them out
erased_names        whom a person names
erased_there        delete them at the destinations too
erasure_told        what an erasure did, as text
erased_files        take them out of the files of runs
purge               purge the runs of all exports
terminal            what a command says
"""
