"""The course of Customer Insights' refresh, and which snapshot is read.

wait_for_refresh  whether the refresh that a run waits for has ended
snapshot_choice   which snapshot of each segment is read
"""
