"""What two definitions can't both have, and which of them goes on.

claims      what a definition takes for itself at its account, and how two such claims are told apart
delivered   what runs of an export have delivered to its account: who had a claim first
standing    which definitions of a folder go on, and in one line each why another doesn't
"""
