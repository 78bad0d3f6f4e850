"""From receipts to ledger, history, report and refused file; and what is purged.

settle_run        the step: the end of a run, whatever became of it
settle_plan       what became of a plan: counts, ledger, history
effects           what the outcomes of operations come to, per contact
earlier_contacts  contacts of earlier addresses that have a new one there
folding           it becomes what is known
counting          what became of operations and contacts, and who was refused
report_writing    the report
report_figures    its figures, and all that is known of the run
red_reasons       why a run is red, and what a person does about it
refused_file      ``refused.csv``
history           datasets of all runs and operations, and their columns
history_term      how long they stay
usable_ledger     which ledger counts, and whether one is lost or an older one
unknown_runs      runs that sent and of which the staging holds nothing
forgetting        erased people go from ledgers, history and refusals
retention         what is purged, and what never
"""
