"""Words that may be repeated of what a server says about a contact, since they tell nothing of anybody.

A word that is missing here costs a reader a word; one too many may cost a person a secret. So there are
no numbers, no words for what people are or do, and none that answer a question about somebody.
"""

from __future__ import annotations

_JOINING = """
    a also an and any are as at be been before both but by can can't cannot could couldn't did didn't do
    does doesn't don't each either for from had has have if in into is isn't it its least may more most must
    neither no none nor not of on once one only or other please same should so than that the their them
    there these they this those to too was were when which while with within without you your
"""
JOINING = frozenset(_JOINING.split())
"""Words that say nothing alone."""

_TELLING = """
    accept accepted account address addresses allowed already array attribute authorized bad batch blank
    blocked body boolean bounced bulk change changed character characters code conflict contact contacts
    correct create created custom data database date deleted delivered denied domain duplicate duplicated
    duplicates email emails empty encoding error errors exceed exceeded exceeds exist existing exists
    expected fail failed failure field fields float forbidden format found header id identifier ids
    incorrect integer internal invalid json key large length limit list lists long mail mailbox malformed
    match matches maximum member members message method minimum missing name null number numeric object
    occurred parse parsed payload permitted phone possible process processed property provided quota range
    rate received record refused reject rejected request requests required resource save saved schema
    segment send sent server service short size small something store stored string subscribed supported
    suppressed syntax taken temporarily text throttled timeout type unable unavailable unexpected unique
    unknown unprocessable unrecognized unsubscribed unsupported update updated uri url use used utf valid
    validate validation value values wrong
"""
TELLING = frozenset(_TELLING.split())
"""Words that say what is wrong."""

_ALSO_NAMES = "an blank do field fields in key large long mail may more short small so to"
ALSO_NAMES = frozenset(_ALSO_NAMES.split())
"""Those that people are called too: with a capital letter, they are taken for somebody's name."""
