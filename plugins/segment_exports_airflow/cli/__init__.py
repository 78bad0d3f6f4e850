"""The console command ``segment-exports`` of the package.

program       its subcommands: which there are, and the one that is meant
subcommands   each, with what this Airflow knows
this_airflow  its database, and whether that can be asked
"""
