"""What is read back of an account before planning.

contacts_exist  whether it is the account of the ledger at all
members         who is on the lists there: as a list's members, or by a field of contacts
reconcile       the ledger, corrected by who is on the lists
known_people    whom the run knows: who must not be mailed, and who belongs on which list
"""
