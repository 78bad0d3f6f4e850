"""From contacts and ledger to what will be sent, cut into chunks.

plan_run             lease, earlier runs, reconcile, then plan
plan_changes         the step: a merge join of contacts and ledger
basis                what a plan starts from: ledger, counts, rules
rules                what decides over all contacts alike
comparison           who is due what: who is sent, who joins and who leaves a list
held_back            who isn't sent all that is due, for what was answered before
earlier_refusals     who gives no permission, by this run and those before
moved_addresses      customers whose address changed
address_heirs        who has an address, or a contact, now that was another's
uncertain_addresses  who must leave a list that an unanswered request may have put them on
profile_limit        how many may be at the destination
guards               shares above which nothing is sent
tally                counts of a plan
summary              the plan in words and figures
lists                which list a title means
reconciling          reading the lists back
destination          the third face of a destination: reading it back, and what a plan costs there
chunk_changes        the step that cuts the changes
"""
