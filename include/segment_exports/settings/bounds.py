"""How much may come in, for how long, and how long a name may get: every such bound, and why it is so.

Each stands far above the largest real thing and far below what harms a worker. A module reads one as
``bounds.MODEL_BYTES`` when it needs it, and none has a bound of its own.
"""

from __future__ import annotations

from datetime import timedelta

from segment_exports.errors import LONGEST_MESSAGE

KIB, MIB = 1 << 10, 1 << 20

# Definitions: files that people write.
DEFINITION_CHARACTERS = 256 * KIB
"""Of one YAML file; the example has 4,000."""
DEFINITIONS = 500
"""Of a folder; each is a DAG, and fifty make a large installation."""
DEFINITION_ITEMS = 1_000
"""Segments of one export, custom fields of its mapping, choices of a field; hundreds are many."""
PROBLEMS_TOLD = 50
"""Of one broken definition; nobody mends more at once."""
DEFINITION_NESTING = 20
"""Levels of lists and mappings; a definition has 4."""
NAME_CHARACTERS = 200
"""Of a segment, attribute, list, field, connection or person; Dataverse's display names end at 128."""
EXPORT_NAME_CHARACTERS = 243
"""Airflow's 250 of a DAG id, without ``export_``."""
EVIDENCE_SECONDS = 5.0
"""For what tells, while DAGs are read, which of the definitions that clash ran; a disk takes milliseconds."""
HOST_CHARACTERS = 253
"""Of a host's name; DNS has no longer ones (RFC 1035, 2.3.4)."""

# Sources over HTTP.
SOURCE_ANSWER_BYTES = 256 * MIB
"""Of one answer, unpacked; Dataverse's 5,000 rows of 200 attributes have 50 MB."""
SOURCE_VALUES = 3_000_000
"""Of the JSON of one answer; Dataverse's 5,000 rows of 200 attributes, with a label each, have 2,000,000."""
SOURCE_ANSWER_SECONDS = 600.0
"""For one answer from the end of the request; Dataverse ends a query after 120 s, 50 MB come in a minute."""
SOURCE_READING_SECONDS = 6 * 3600.0
"""For a whole reading; ten million rows of Dataverse take an hour, a million of the API three."""
HEADER_BYTES = MIB
"""Of an answer beside its body; a service sends some KB, the client library takes 100 headers of 64 KiB."""
SOURCE_SILENCE_SECONDS = 120.0
"""For connecting, and for each silence while an answer is read; Dataverse ends a query after 120 s."""
SOURCE_THROTTLED_SECONDS = 1800.0
"""Waiting for one request that is throttled; Dataverse counts in windows of 5 minutes."""
PAGE_ROWS_BEYOND = 30_000
"""Rows of a page beyond twice those that were asked for; the provider of a table may know no paging."""
TABLE_PAGES = 500_000
"""Of one table; fifty million rows, 100 a page."""
TABLE_ROWS = 50_000_000
"""Of one table; the largest tenants have ten million customers."""
TABLE_BYTES = 200 * 1024 * MIB
"""Of one table, packed or in JSON; fifty million rows of 4 KB."""
COLUMNS = 10_000
"""Of one table; SQL Server's have at most 1,024, and an export's some hundred."""
EMPTY_PAGES = 200
"""In a row, of either end; a service may send some, as where it filters what it has looked at."""
TOKEN_SECONDS = 40.0
"""For Entra's answer, and for each silence; it answers within seconds."""
TOKEN_BYTES = 256 * KIB
"""Of an answer of Entra; a token has 2 KB, what it tells of a tenant too."""

# The lake.
MODEL_BYTES = 64 * MIB
"""Of ``model.json``; 50 tables of 300 attributes and 300 partitions have 6 MB."""
MODEL_VALUES = 1_000_000
"""Of the JSON of ``model.json``; 50 tables of 300 attributes and 300 partitions have 200,000."""
TABLES = 10_000
"""Of an export; Customer Insights offers some hundred."""
PARTITIONS = 100_000
"""Of one table in one snapshot; a part has 100,000 rows or more."""
LISTED_FILES = 2_000_000
"""Below the folder of one table; four refreshes a day for three years, 300 parts each, have 1,300,000."""
ROW_BYTES = 2 * MIB
"""Of one row of CSV, and what is held of a file at once; 200 attributes have some KB."""
VALUE_BYTES = MIB
"""Of one value of a source; Dataverse's longest texts have 1,048,576 characters, and none is a contact's."""
SEEN_SNAPSHOTS = 500
"""Of a table, whose description is remembered; four refreshes a day for four months."""

# Contacts.
FIELD_VALUE_BYTES = 32 * KIB
"""Of one field of a contact; a batch of 100 must fit the destination's largest body."""
MEANT_CHARACTERS = 4096
"""Of a text that is no address, in which addresses are looked for; an address has 254."""
MEANT_ADDRESSES = 256
"""That one text may mean; the plainest readings come first."""

# The destination.
ANSWER_SECONDS = 60.0
"""For one attempt, connecting included. Servers were seen to answer after 30.5 s."""
ANSWER_BYTES = 16 * MIB
"""Of one answer, unpacked; a page of 100 contacts, each of 300 fields, has 3 MB."""
ANSWER_VALUES = 500_000
"""Of the JSON of one answer; a page of 100 contacts, each of 300 fields, has 100,000."""
PACKED_PARTS = 16
"""Of a packed answer of either end; servers make one."""
LISTING_PAGES = 100_000
"""Of the contacts of an account or list, 100 each; ten million contacts, a hundred times what is exported."""
LISTED_BEYOND = 1_000
"""Contacts shown beyond twice the number that a listing tells; it may lag behind what is added meanwhile."""
CONNECT_SECONDS = 15.0
"""For connecting alone; it takes less than one, or a firewall swallows it."""
IDENTIFIER_CHARACTERS = 100
"""Of an id that it gives; the longest known, of an Autopilot list, has 48."""
LEAST_RATE, MOST_RATE = 0.1, 1_000_000.0
"""Requests per second of an account; Autopilot documents 5, and an emulator takes as many as come."""
SHUT_OUTS = 3
"""That one request waits out; each lasts some seconds, and nobody should be shut out even once."""
REASON_CHARACTERS = 20_000
"""Of an answer's words that are looked at for a reason; a sentence is told."""

# The secret of the ledgers.
SECRET_CHARACTERS = 32
"""At least, of a new one: 128 bits in hexadecimal digits; `openssl rand -hex 32` gives 64."""

# Work: what Airflow's execution_timeout of each task is made of (time_limits.py).
LOOK = timedelta(hours=1)
"""Of a task that looks at something, or waits for little; minutes, where a server asks to wait."""
WORK = timedelta(hours=4)
"""Of a task that goes through all contacts of a run; a million take some minutes."""
LISTING = timedelta(hours=6)
"""Of reading back what an account holds: LISTING_PAGES at 5 requests a second."""
UPLOAD = timedelta(minutes=60)
"""Of one chunk, which is ten minutes of the account's rate; a LocalExecutor's token ends after 100."""
RUN = timedelta(days=9)
"""Of a run that gave no sign since: it waits up to 7 days for a refresh and 24 hours for the lease. (For a
person it waits with the lease in hand.)"""
PEOPLE = 1_000_000_000
"""That a definition's limits and guards may count to; a hundred times the largest account."""
KEPT_DAYS = 3650
"""That anybody may ask for runs and history to stay: ten years."""
HISTORY_DAYS = 400
"""That the history stays where nothing is said: the same month of the year before, and a month to look."""
LEASE_WAIT = timedelta(hours=24)
"""Waiting until no other run of the export delivers."""
COUNTED_BYTES = 64 * MIB
"""Of a table that ``check`` counts whole, while a person waits; of a larger one it reads some rows."""

# Files of people.
ERASED_BYTES = 16 * MIB
"""Of a list of people to erase; half a million addresses."""
NEAR_NAMES = 2_000
"""Of those that a wrong one may have been meant for; each is compared."""
SAMPLE_ROWS = 1_000_000_000
"""That a run may be asked to read of each segment; ten thousand times what is exported."""
WARNINGS = 200
"""Of a step, and of a run's report."""
SHOWN_ROWS = 200
"""Of a table that people see, such as the segments on the page of a DAG."""
MESSAGE_CHARACTERS = LONGEST_MESSAGE
"""Of a message, whatever it repeats: more than a person reads, far less than a log or a page suffers."""

# Files between the steps.
FILE_NAME_BYTES = 120
"""Of a name made of a text from outside. With a number before it and an ending it stays below the 143 of an
encrypted disk (eCryptfs); others have 255."""
