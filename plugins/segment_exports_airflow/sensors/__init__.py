"""Sensors: steps that may have to wait, and hold no worker slot meanwhile.

export   what both share: how they give up
refresh  wait_for_refresh
plan     plan_changes
"""
