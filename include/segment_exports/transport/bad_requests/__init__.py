"""How many bad requests all tasks of this machine send, where a service shuts out who sends too many.

budget       places of requests: who has one, and until when
shared_file  a small file that the processes of a user share
"""
