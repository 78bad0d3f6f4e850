"""Delivers a chunk to Ortto, by requests of one kind each, since options hold for all people of one.

chunk_delivery  what the steps share, and what is queued for whom
bodies          the JSON of people, by kind of request
sending         one merge, and what is done where it is not answered
items           whose item of an answer is whose
creating        people who are not known: made, or found to exist
updating        people who are known
leaving         people who leave, or are unsubscribed
look_ups        people of earlier addresses, and those who are gone
concluding      what was believed is checked
apart           one person stands in one request at a time
"""
