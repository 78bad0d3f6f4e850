"""The Dataverse tables that Customer Insights writes.

source                  the way in
settings                what a definition may set
columns                 the tenant's own names, and what can be read
table_names             which column an attribute is, and was
profiles                pages of profiles
memberships             who is in which segment
left_out                rows of memberships that are not taken, told
membership_fingerprint  whether memberships are still the same
"""
