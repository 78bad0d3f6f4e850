"""What lies between the steps of a run and outlives them, and how it is kept.

staging      where every file lies; a file appears whole or not at all
storing      files put in place whole and synced, and words for damage and for trouble of the disk
tables       Arrow schemas, and sorted Parquet that is read range by range
profiles     columns that every file of ``profiles/`` has
step_counts  what the steps before planning counted
plan         ``plan.json``, and what a person asked of the run
receipts     what the destination answered, per operation of a chunk
ledger       what the destination is known to hold
notes        what is noted until a later run has made up for it
lease        one run of an export delivers at a time
outcomes     what can become of a contact and of an operation, and words for counts
report       ``report.json``, whose identities are enforced
problems     what stopped a step, until the report tells it
warnings     what is doubtful, until the report tells it
wait_record  what the run waited for
keyed_hash   hashes of addresses, ids and payloads
secret_in_use  with which form of the secret those were made
tombstones   hashes of erased people
refusals     hashes of people who gave no permission, until a whole run says otherwise
"""
