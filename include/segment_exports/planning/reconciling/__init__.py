"""What is read back of an account before planning.

contacts_exist  whether it is the account of the ledger at all
reconcile       the ledger, corrected by what the lists show
known_people    whom the run knows: who must not be mailed, and who belongs on which list
"""
