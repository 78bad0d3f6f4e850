"""What the two ways in over HTTP share.

connections      what it takes to reach them
tokens           access tokens
bounded_http     answers that end: in bytes, and in time
whole_reading    what all answers of a reading may take
patience         how long a reader tries
http_reading     one JSON answer: retries, throttling, refusals
answer_status    which error a status is, and what is told of it
json_text        what the body of an answer says
odata            pages of rows
page_guard       whether paging gets on and ends
read_ahead       several page readers at work
json_columns     JSON rows as Arrow columns
membership_join  members and profiles joined in flat memory
"""
