"""Operators: one per step of an export.

export    check_destination, extract, map_profiles, chunk_changes; the one task of a broken definition
upload    upload
approval  ask_a_person
settle    settle_run
"""
