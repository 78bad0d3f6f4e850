"""Where contacts go: the account, the agreement to send to it, and a package for each destination.

opening            from ``destination.type`` to the package
check_destination  the fourth face: may and can the account be sent to
erasing            what becomes of people who are deleted at a destination
moving             what a move from one destination to another asks of the two
agreement          the text that somebody agreed to
list_registry      the lists that we made in an account
gone_lists         lists that are not there any more
server_answers     how an error answer is told
blocking_pages     an account read page by page
autopilot          Autopilot
ortto              Ortto
"""
