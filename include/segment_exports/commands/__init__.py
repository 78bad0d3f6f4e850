"""What a person runs from a shell.

checking         ``make check``: would the exports run
new_export       ``make segments`` and ``make new-export``
exportable       what a source has, and guesses at its meaning
taken_names      what other exports write already
moving           ``make move``: from one destination to another
erasing          ``make erase``: hold erased people back, and take them out
looking_up       what is known of a person
named_people     whom a person names
people_in_files  finds people in the files of runs
purge            purge the runs of all exports
given            what a command is given by whoever starts it
terminal         what a command says
"""
