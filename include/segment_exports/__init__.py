"""The core of segment exports: plain Python over Arrow that imports no Airflow.

Segments of Dynamics 365 Customer Insights become contacts and list membership in Autopilot. A wing per
step of the run; each imports only what stands below it here (``docs/architecture.md``).

commands        what a person runs from a shell
planning        from contacts and ledger to what will be sent; chunks
settling        from receipts to ledger, history, report, refused file
destinations    the account, the agreement, a package for each destination
extracting      from a read unit to profiles
refresh         the course of the refresh, which snapshot is read
mapping         from profiles to contacts
delivery        the engine that delivers one chunk
sources         the ways into Customer Insights
transport       one request to a destination
definition      the YAML, its model, its messages
contact_fields  names and types of contact fields, and what a destination makes of them
records         what lies between the steps, and how it is kept
settings        what is set in the environment
errors          what can go wrong, by what can be done about it
sieve           words of others on their way to a person
"""
