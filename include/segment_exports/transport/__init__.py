"""One request to a destination: paced, timed, retried, counted. It knows none of them.

transport       the course of a request; a destination's client is one
call            a request, what is known of it while it is tried, what came back
api_key         the key, as it is sent
pacing          the account's rate
bad_requests    how many bad ones all of this machine send, where a service shuts out who sends more
unpacking       the body of an answer, in pieces and within its bound
places          where a URL leads, for both ends; what is no URL of a service
way             proxy, certificates, and what is wrong with them
sessions        what carries a credential with requests
waits           what keeps requests from going out just now
shut_outs       whether a service takes nothing of this machine for its bad requests
retrying        when again, and after how long; ``Retry-After`` of either end
json_answers    which error a status is, and members that must be there
identifiers     what an id that a server gives looks like
json_values     how many values a JSON text has, told before it is read
whole_listing   whether a listing in pages comes to its end, and was whole
reasons         what may be kept of a server's words about a contact
"""
