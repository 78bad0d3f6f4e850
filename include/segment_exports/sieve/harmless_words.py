"""Words that may be repeated of what a server says, since they tell nothing of anybody.

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
    accept accepted account address addresses allow allowed allows already array attribute authorized
    available bad batch blank blocked body boolean bounced bulk change changed character characters code
    conflict contact contacts correct create created custom data database date deleted delivered denied
    domain duplicate duplicated duplicates email emails empty encoding error errors exceed exceeded exceeds
    exhausted exist existing exists expected expired fail failed failure field fields float forbidden format
    found full header id identifier ids incorrect integer internal invalid json key large length limit list
    lists long mail mailbox malformed match matches maximum member members message method minimum missing
    name null number numeric object occurred over parse parsed payload permitted phone plan possible process
    processed property provided quota range rate reached received record refused reject rejected request
    requests required resource save saved schema segment send sent server service short size small something
    store stored string subscribed supported suppressed syntax taken temporarily text throttled timeout type
    unable unavailable unexpected unique unknown unprocessable unrecognized unsubscribed unsupported update
    updated upgrade uri url use used utf valid validate validation value values wrong
"""
TELLING = frozenset(_TELLING.split())
"""Words that say what is wrong."""

_OF_SERVICES = """
    above access aggregate annotation annotations api app application argument arguments asked assigned
    attributes audience authentication authority authorization available below between billing builder busy
    call cannot certificate certificates changes client clock column columns combination command condition
    connection connections consent container containers content count credential credentials criteria
    current dataverse days deadlock denied depth directory document due during element enough entities
    entity environment evaluation exception execute executed execution expand expired expression filter
    filters find folder forbidden found function gateway given grant granted greater has host hour hours
    http https id incorrectly index information instance instead interaction invalid issuer language later
    left less level license line link literal load lock locked logical long looking maintenance make match
    matching memory metadata minute minutes mismatch missing model module moment moved name named navigation
    needs network number odata offset operation operations operator option options order orderby out over
    page pages paging parameter parameters parent parsing partition past path payment permission permissions
    permit permits policy position prefix present principal privilege privileges properties protection
    protocol provide proxy queries query reach reached read reading refresh registered registration
    relationship remote required reset resolve resource resources response result results retry returned
    right rights role roles root route row rows rule running scope search seconds secret section security
    segments select server service services session sign signature signed since size skip source specified
    specify stale start started state statement status step still stopped storage store subscription
    supplied support system table tables target task temporary tenant term throttle throttled throttling
    through time timed token tokens tool top transaction trust trusted trusts try type unauthorized
    unavailable unhandled unknown unsupported until up upgrade url use used user using value version view
    wait window within without write written
"""
OF_SERVICES = frozenset(_OF_SERVICES.split())
"""Words that say what is wrong with a service, a query or a sign-in; kept where a request is about nobody."""

_ALSO_NAMES = """
    an blank content do field fields grant host in key large line link list lock long mail may more
    page parent policy present read right role rule short sign small so still store table top to
    trust wait
"""
ALSO_NAMES = frozenset(_ALSO_NAMES.split())
"""Those that people are called too: with a capital letter, they are taken for somebody's name."""
