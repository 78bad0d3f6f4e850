"""Ortto: its API, its tags and fields, and how contacts become people there.

api      its addresses, header and limits
client   the endpoints
answers  what its answers mean
"""
