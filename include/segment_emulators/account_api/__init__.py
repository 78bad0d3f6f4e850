"""What the emulators of marketing accounts share: the way in, and the looking into.

access_log      every arrival
addresses       which addresses an account takes
answers         an answer before it is sent
command_line    an emulator as a process of its own
control_client  talks to another process's control plane
control_plane   the emulator's own pages
emulator        the emulator as one object: account, switches, faults and log
faults          what can go wrong on the way, scripted per request
gate            every request passes it
rate_limit      arrivals in a rolling time
routes          from a request to the operation it asks for
served          an emulator behind its port
"""
