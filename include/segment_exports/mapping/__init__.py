"""From profiles to contacts: judged, converted, rendered, merged.

map_profiles        the step: profiles in batches, shards, ``contacts.parquet``
extracted_profiles  what extract left, in batches
profile_batch       one batch: which rows are invalid, and why
email_address       what is an address, and how it is normalised and masked
address_folding     which addresses are one, and which letters have no one small form
meant_addresses     which addresses a text that is none may mean
field_values        text to the types of contact fields; why a value is refused
column_counts       columns that are empty, or mean nothing, for everybody
permission          who may not be exported
shards              rows with one address meet in one shard
merging             rows of one address become one contact, or are withheld
previous_ids        customers that merged into one
"""
