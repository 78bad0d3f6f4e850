"""``segment-exports look-up``: what is known of a person, without changing anything.

look_up   the command line
search    whom it is about, and the exports one after the other
found     what was found, as data
in_books  ledgers, history and refusals of an export
in_runs   files of its runs
told      what was found, as text
"""
