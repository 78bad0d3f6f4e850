"""Sensors: steps that may have to wait, and hold no worker slot meanwhile.

refresh  wait_for_refresh
plan     plan_changes
"""
