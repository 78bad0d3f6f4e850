"""Ortto: its API, its tags and fields, and how contacts become people there.

api      its addresses, header and limits
client   the endpoints
ban      the budget of bad requests that keeps clear of it
answers  what its answers mean
"""
