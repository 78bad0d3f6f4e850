"""The Airflow provider of segment exports: connection types, hooks, operators and sensors.

cli               the console command
dags              the DAGs of the definitions
operators         the steps of an export
sensors           the steps that may have to wait
hooks             from a connection to what the core takes
time_limits       how long each task may take
steps             what every step shares; when a task is repeated
task_log          what a task's log tells: plain lines, and the reason of a red one at its end
run_form          the trigger form, and what a run was asked for
accounts          the account behind a connection
connections       connections, found and held against their type
connection_forms  the forms of the connection types
plugin            what Airflow loads of this package: a listener that makes the pools, a middleware for Test
connections_under_test  what Airflow's button Test leaves out about a connection
provider_info     what Airflow learns of this package: its connection types
source_access     from a definition to its source, with the credentials of its connection
staging_root      where all files lie, and the hasher of the ledgers
pools             one pool per account
installation      whether Airflow can know this package
pool_keeper       looks whether the pools are there that uploads wait for
refresh_schedule  the timetable
__main__          commands that ask accounts
markdown          text from outside in Markdown, where it makes no link, picture or table
"""
