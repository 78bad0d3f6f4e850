"""What is set outside the definitions: read and judged here alone, below every other wing.

bounds         how much may come in, for how long, and how long a name may get
names          the names of the settings, for messages
environment    ``SEGMENT_EXPORTS_…``, and what is wrong with them
given_fields   fields of a connection, read strictly
connection_fields  what messages call them
ledger_secret  the secret that the ledgers are hashed with
"""
