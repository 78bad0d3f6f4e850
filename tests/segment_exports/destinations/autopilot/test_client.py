"""The client against a server that speaks Autopilot's protocol, over a socket."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from itertools import count

import orjson
import pytest
from aiohttp import web

from segment_emulators.autopilot import Fault, FaultKind, MapKeys, SameTitle
from segment_exports.destinations.autopilot.answers import ContactNotFoundError, ListNotFoundError
from segment_exports.destinations.autopilot.client import AutopilotClient
from segment_exports.errors import (
    AccountRefusedError,
    CredentialsRefusedError,
    DestinationError,
    DestinationUnreachableError,
    OutcomeUnknownError,
    RequestRefusedError,
    ThrottledError,
    WrongServerError,
)
from segment_exports.settings import bounds
from segment_exports.transport.call import Call
from segment_exports.transport.pacing import Pacer
from segment_exports.transport.retrying import RetrySettings

KEY = "0123456789abcdef0123456789abcdef"
BAD = "what is answered for an id"


class Clock:
    """A clock that waiting moves on; of a client that has the usual patience of 900 s."""

    def __init__(self) -> None:
        self.now = 0.0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)

    def client(self, server) -> AutopilotClient:
        pacer = Pacer(None, clock=lambda: self.now, sleep=self.sleep)
        return AutopilotClient(
            server.url, KEY, pacer=pacer, clock=lambda: self.now, sleep=self.sleep, uniform=lambda: 0.5
        )


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_bulk_upsert_answers_ids_by_address(client, emulator) -> None:
    ids = await client.bulk_upsert([b'{"Email":"a@example.com"}', b'{"Email":"B@example.com"}'])

    assert set(ids) == {"a@example.com", "b@example.com"}
    assert ids["a@example.com"] == emulator.account.find("a@example.com").contact_id


async def test_map_keys_may_be_written_as_sent(client, emulator) -> None:
    emulator.switch(map_keys=MapKeys.AS_SENT)
    assert set(await client.bulk_upsert([b'{"Email":"B@example.com"}'])) == {"B@example.com"}


async def test_more_than_a_hundred_are_refused(client) -> None:
    with pytest.raises(RequestRefusedError, match="400"):
        await client.bulk_upsert([b'{"Email":"p%d@example.com"}' % number for number in range(101)])


async def test_one_contact_from_upsert_to_unsubscribe(client, emulator) -> None:
    contact_id = await client.upsert('{"Email":"ä+b@example.com","FirstName":"Ñandú"}'.encode())
    by_id, by_email = await client.contact(contact_id), await client.contact("ä+b@example.com")

    assert by_id == by_email
    assert by_id["FirstName"] == "Ñandú"
    await client.unsubscribe("ä+b@example.com")
    assert emulator.account.unsubscribed() == {"ä+b@example.com"}


async def test_a_contact_that_is_not_there_is_none(client) -> None:
    assert await client.contact("nobody@example.com") is None
    with pytest.raises(ContactNotFoundError):
        await client.unsubscribe("nobody@example.com")


async def test_an_address_is_changed(client, emulator) -> None:
    contact_id = await client.upsert(b'{"Email":"old@example.com"}')

    assert await client.change_email("old@example.com", "new@example.com") == contact_id
    assert emulator.account.find("new@example.com").contact_id == contact_id


@pytest.mark.parametrize(
    "part", ["a+b@example.com", "o'hara%41@example.com", "x y@example.com", "a/b@example.com"]
)
async def test_path_segments_are_encoded(client, emulator, part) -> None:
    emulator.switch(bad_syntax=False)
    await client.upsert(orjson.dumps({"Email": part}))

    assert (await client.contact(part))["Email"] == part


async def test_membership_from_join_to_leave(client, emulator) -> None:
    list_id = await client.create_list("Zürich & Bern/1")
    contact = await client.upsert(b'{"Email":"a@example.com"}')

    assert await client.is_member(list_id, contact) is False
    assert await client.join(list_id, contact) is True
    assert await client.join(list_id, contact) is False
    assert await client.is_member(list_id, contact) is True
    assert await client.leave(list_id, contact) is True
    assert await client.leave(list_id, contact) is False
    assert [one.title for one in await client.lists()] == ["Zürich & Bern/1"]
    assert emulator.account.members("Zürich & Bern/1") == set()


async def test_no_such_list_is_told_from_no_such_contact(client) -> None:
    list_id = await client.create_list("News")
    contact = await client.upsert(b'{"Email":"a@example.com"}')

    for call in (client.join, client.leave, client.is_member):
        with pytest.raises(ContactNotFoundError):
            await call(list_id, "person_NOBODY")
        with pytest.raises(ListNotFoundError):
            await call("contactlist_NONE", contact)


@pytest.mark.parametrize("count", [0, 1, 100, 101, 250])
async def test_pages_end_with_the_last_one(client, emulator, count) -> None:
    list_id = emulator.staff.add_list("News")
    for number in range(count):
        emulator.staff.add_contact(f"p{number}@example.com", lists=(list_id,))
    members = [page async for page in client.members(list_id)]
    everybody = [one["Email"] async for page in client.contacts() for one in page.contacts]

    assert sum(len(page.contacts) for page in members) == len(everybody) == len(set(everybody)) == count
    assert {page.total for page in members} == {count}
    assert await client.count_members(list_id) == count


async def test_a_title_that_is_taken(client, emulator) -> None:
    await client.create_list("News")
    await client.create_list("News")
    assert len(await client.lists()) == 2

    emulator.switch(same_title=SameTitle.CONFLICT)
    with pytest.raises(RequestRefusedError) as refused:
        await client.create_list("News")
    assert refused.value.status == 409


# The key


async def test_the_key_is_in_its_header_and_nowhere_else(odd, odd_client) -> None:
    odd.answer('{"lists":[]}')
    await odd_client.lists()
    (seen,) = odd.seen

    assert seen.headers["autopilotapikey"] == KEY
    assert KEY not in seen.path_qs
    assert KEY not in repr(odd_client) + str(vars(odd_client).get("base_url"))
    assert [
        value for name, value in seen.headers.items() if value == KEY and name.lower() != "autopilotapikey"
    ] == []


async def test_a_wrong_key_is_told(emulator) -> None:
    async with AutopilotClient(emulator.base_url, "f" * 32, pacer=Pacer(None)) as client:
        with pytest.raises(CredentialsRefusedError, match="wrong or was revoked") as refused:
            await client.lists()
    assert refused.value.status == 401
    assert len(emulator.log) == 1


async def test_an_answer_about_people_that_repeats_key_and_address_is_not_shown(odd, odd_client) -> None:
    said = f"key {KEY} may not touch eva.braun+x@mail.example.com"
    odd.answer(f'{{"error":"Bad Request","message":"{said}"}}', status=400)

    with pytest.raises(RequestRefusedError) as refused:
        await odd_client.bulk_upsert([b'{"Email":"a@example.com"}'])
    assert str(refused.value) == "POST /contacts was answered 400"
    assert KEY not in repr(refused.value.answer)
    assert refused.value.__cause__ is None


async def test_an_answer_is_quoted_where_no_person_was_named(odd, odd_client) -> None:
    odd.answer(f'{{"error":"Bad Request","message":"key {KEY} may not make lists"}}', status=400)

    with pytest.raises(RequestRefusedError) as refused:
        await odd_client.create_list("News")
    assert str(refused.value) == "POST /list was answered 400: key … may not make lists"


@pytest.mark.parametrize("key", ["", "   ", "with space", "new\nline", "schlüssel", "tab\tbed"])
def test_a_key_that_cannot_be_one_is_refused_without_showing_it(key) -> None:
    with pytest.raises(CredentialsRefusedError) as refused:
        AutopilotClient("http://127.0.0.1/v1", key, pacer=Pacer(None))
    assert not key.strip() or key not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api2.autopilothq.com",
        "ftp://x/v1",
        "http://",
        "https://x/v1?a=b",
        "http://x:y/",
    ],
)
def test_a_base_url_that_is_none_is_refused(url) -> None:
    with pytest.raises(DestinationError, match="Base URL of the connection must be"):
        AutopilotClient(url, KEY, pacer=Pacer(None))


# What a caller can do about it


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, WrongServerError),
        (400, RequestRefusedError),
        (402, AccountRefusedError),
        (403, AccountRefusedError),
        (405, WrongServerError),
        (409, RequestRefusedError),
        (413, AccountRefusedError),
        (422, RequestRefusedError),
    ],
)
async def test_what_is_refused_is_asked_once(odd, odd_client, status, error) -> None:
    odd.answer('{"error":"No","message":"It will not do."}', status=status)

    with pytest.raises(error) as refused:
        await odd_client.upsert(b"{}")
    assert refused.value.status == status
    assert refused.value.answer.text == "It will not do."
    assert len(odd.seen) == 1


@pytest.mark.parametrize("status", [404, 408, 425, 500, 502, 503, 504])
async def test_what_may_pass_is_asked_five_times(odd, odd_client, status) -> None:
    odd.answer("", status=status)
    call = Call()

    with pytest.raises(OutcomeUnknownError):
        await odd_client.bulk_upsert([b"{}"], call)
    assert (len(odd.seen), call.attempts, call.in_doubt) == (5, 5, True)
    assert (odd_client.counters.total, odd_client.counters.retried) == (5, 4)


async def test_a_redirect_is_not_followed_with_the_key(odd, odd_client) -> None:
    odd.answer("", status=302, headers={"Location": odd.url + "/elsewhere"})

    with pytest.raises(WrongServerError, match="Base URL"):
        await odd_client.lists()
    assert len(odd.seen) == 1


async def test_waiting_for_the_rate_uses_up_no_attempt(odd, clock) -> None:
    odd.answer('{"error":"Too Many Requests","message":"You have exceeded your request rate."}', status=429)
    throttled = odd.answers * 12
    odd.answer('{"lists":[]}')
    odd.answers = throttled + odd.answers
    async with clock.client(odd) as client:
        await client.lists()

        assert len(odd.seen) == 13
        assert (client.counters.throttled, client.counters.retried) == (12, 0)


@pytest.mark.parametrize("asked", ["0", "-5", "soon", "Sun, 01 Mar 2020 12:00:00 GMT"])
@pytest.mark.parametrize("status", [429, 503])
async def test_who_asks_for_no_wait_does_not_shorten_ours(odd, clock, status, asked) -> None:
    """A ``Retry-After`` is a hint: the longer of it and our own wait counts."""
    waits = []
    for headers in ({}, {"Retry-After": asked}):
        odd.answer("", status=status, headers=headers)
        troubled = odd.answers * 3
        odd.answer('{"lists":[]}')
        odd.answers = troubled + odd.answers
        began = clock.now
        async with clock.client(odd) as client:
            await client.lists()
        waits.append(clock.now - began)
    assert waits[0] == pytest.approx(waits[1])
    assert waits[1] >= 0.25


async def test_a_throttled_request_gives_up_when_its_patience_ends(odd) -> None:
    odd.answer("{}", status=429, headers={"Retry-After": "0"})
    settings = RetrySettings(throttle_patience=0.05)
    async with AutopilotClient(odd.url, KEY, pacer=Pacer(None), retry=settings) as client:
        with pytest.raises(ThrottledError):
            await client.lists()


async def test_a_deadline_ends_the_waiting(odd, odd_client) -> None:
    odd.answer("", status=503, headers={"Retry-After": "3600"})
    odd_client.deadline = odd_client.seconds() + 60

    with pytest.raises(OutcomeUnknownError):
        await odd_client.lists()
    assert len(odd.seen) == 1

    odd_client.deadline = odd_client.seconds() - 1
    with pytest.raises(DestinationError, match="deadline has passed"):
        await odd_client.lists()
    assert len(odd.seen) == 1


@pytest.mark.parametrize(("status", "error"), [(429, ThrottledError), (503, OutcomeUnknownError)])
async def test_a_wait_that_would_outlast_the_patience_is_not_begun(odd, clock, status, error) -> None:
    odd.answer("{}", status=status, headers={"Retry-After": "86400"})
    async with clock.client(odd) as client:
        with pytest.raises(error, match=r"asks to wait 86,400 s") as given_up:
            await client.lists()
        assert (clock.now, len(odd.seen), given_up.value.status) == (0, 1, status)

        odd.answer('{"lists":[]}')
        await client.lists()
    assert clock.now < 1, "nor does the next request wait for it"


@pytest.mark.parametrize(("status", "error"), [(429, ThrottledError), (503, OutcomeUnknownError)])
async def test_waits_that_are_asked_for_count_together(odd, clock, status, error) -> None:
    odd.answer("{}", status=status, headers={"Retry-After": "400"})
    async with clock.client(odd) as client:
        with pytest.raises(error):
            await client.lists()
    assert (clock.now, len(odd.seen)) == (800, 3)


async def test_no_request_waits_for_the_rate_beyond_the_deadline(odd, clock) -> None:
    odd.answer("{}", status=429, headers={"Retry-After": "300"})
    async with clock.client(odd) as client:
        client.deadline = client.seconds() + 200
        with pytest.raises(ThrottledError):
            await client.lists()
        with pytest.raises(ThrottledError):
            await client.lists()
    assert clock.now < 200


async def test_retry_after_is_waited_for(odd) -> None:
    waits = []

    async def note(seconds: float) -> None:
        waits.append(seconds)

    odd.answer("", status=503, headers={"Retry-After": "17"})
    unavailable = odd.answers[0]
    odd.answer('{"lists":[]}')
    odd.answers = [unavailable, *odd.answers]
    async with AutopilotClient(odd.url, KEY, pacer=Pacer(None), sleep=note) as client:
        await client.lists()
    assert waits == [17.0]


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("<html>Sign in</html>", "HTML"),
        ("Welcome to the guest network", "text that is no JSON"),
        ('{"email_contact_map":{"a@exa', "cut off or broken"),
        ("[]", "not an object"),
        ('{"contact_ids":["person_1"]}', "without a usable 'email_contact_map'"),
        ('{"email_contact_map":[]}', "without a usable 'email_contact_map'"),
        ('{"email_contact_map":{"a@example.com":"a@example.com"}}', "without a usable 'email_contact_map'"),
        ("", "with no body"),
    ],
)
async def test_an_answer_that_makes_no_sense_leaves_the_fate_unknown(odd, odd_client, body, what) -> None:
    odd.answer(body)
    call = Call(max_attempts=2)

    with pytest.raises(OutcomeUnknownError, match=what) as unknown:
        await odd_client.bulk_upsert([b"{}"], call)
    assert call.in_doubt
    assert "exa" not in str(unknown.value).replace("example", "")


async def test_making_a_list_is_never_tried_again_unasked(client, emulator) -> None:
    emulator.inject(Fault(kind=FaultKind.ERROR, path="^/list$", work_done=True, times=None))
    with pytest.raises(OutcomeUnknownError):
        await client.create_list("News")
    assert len(emulator.log) == 1


async def test_a_refused_connection_means_not_sent() -> None:
    call = Call(max_attempts=2)
    async with AutopilotClient("http://127.0.0.1:9/v1", KEY, pacer=Pacer(None)) as client:
        with pytest.raises(DestinationUnreachableError, match=r"no connection to 127\.0\.0\.1:9"):
            await client.bulk_upsert([b"{}"], call)
    assert not call.in_doubt


async def test_an_unknown_host_is_told(monkeypatch) -> None:
    async def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    async with AutopilotClient("https://no-such-host.invalid/v1", KEY, pacer=Pacer(None)) as client:
        with pytest.raises(DestinationUnreachableError, match="can't be resolved"):
            await client.bulk_upsert([b"{}"], Call(max_attempts=1))


async def test_tls_against_a_server_without_it_is_told(odd) -> None:
    url = odd.url.replace("http:", "https:")
    async with AutopilotClient(url, KEY, pacer=Pacer(None)) as client:
        with pytest.raises(DestinationUnreachableError, match="TLS"):
            await client.bulk_upsert([b"{}"], Call(max_attempts=1))


async def test_a_time_out_leaves_the_fate_unknown(client, emulator) -> None:
    emulator.inject(Fault(kind=FaultKind.DELAYED_ANSWER, seconds=0.5, path="^/contacts$"))
    call = Call(max_attempts=1)
    async with AutopilotClient(
        emulator.base_url, emulator.api_key, pacer=Pacer(None), timeout_seconds=0.2
    ) as impatient:
        with pytest.raises(OutcomeUnknownError, match=r"no answer in 0\.2 s"):
            await impatient.bulk_upsert([b'{"Email":"a@example.com"}'], call)
    assert call.in_doubt
    async with asyncio.timeout(30):
        while emulator.account.find("a@example.com") is None:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("bad", ["ann@example.com", "../lists", "..", "a b", "x\u001b[31m", "x" * 101, 7])
@pytest.mark.parametrize(
    ("body", "ask"),
    [
        ({"contact_id": BAD}, lambda client: client.upsert(b"{}")),
        ({"contact_id": BAD}, lambda client: client.change_email("a@example.com", "b@example.com")),
        ({"contact_id": BAD}, lambda client: client.contact("person_1")),
        ({"list_id": BAD, "name": "News"}, lambda client: client.create_list("News")),
        ({"lists": [{"list_id": BAD, "title": "News"}]}, lambda client: client.lists()),
        ({"contacts": [{"contact_id": BAD}], "total_contacts": 1}, lambda client: _all(client.contacts())),
        (
            {"contacts": [], "total_contacts": 0, "bookmark": BAD},
            lambda client: _all(client.members("contactlist_1")),
        ),
    ],
    ids=["upsert", "change of address", "contact", "made list", "lists", "page", "bookmark"],
)
async def test_what_cant_be_an_id_is_not_used_nor_repeated(odd, odd_client, body, ask, bad) -> None:
    odd.answer(json.dumps(body).replace(json.dumps(BAD), json.dumps(bad)))
    with pytest.raises(OutcomeUnknownError, match=r"without a usable '[a-z]+(_id)?'$") as told:
        await ask(odd_client)
    assert str(bad) not in str(told.value)


async def _all(pages) -> list[object]:
    return [page async for page in pages]


async def test_a_bookmark_that_comes_twice_ends_the_listing(odd, odd_client) -> None:
    odd.answer('{"contacts":[],"total_contacts":5,"bookmark":"person_1"}')
    with pytest.raises(OutcomeUnknownError, match="a bookmark came twice"):
        [page async for page in odd_client.contacts()]
    assert len(odd.seen) == 2


async def test_empty_pages_that_lead_on_for_ever_end_the_listing(odd, odd_client) -> None:
    bookmarks = (f"person_{number}" for number in count())
    odd.answers = [
        lambda: web.json_response({"contacts": [], "total_contacts": 5, "bookmark": next(bookmarks)})
    ]
    with pytest.raises(OutcomeUnknownError, match="pages in a row are empty"):
        [page async for page in odd_client.members("contactlist_1")]
    assert len(odd.seen) == bounds.EMPTY_PAGES


ANOTHER = '{"contact_id":"person_OTHER","Email":"zoe@example.com"}'


@pytest.mark.parametrize("asked", ["person_1", "ann@example.com"])
async def test_another_contact_than_was_asked_for_is_not_believed(odd, odd_client, asked) -> None:
    odd.answer(ANOTHER)
    for look in (odd_client.contact(asked), odd_client.is_member("contactlist_1", asked)):
        with pytest.raises(OutcomeUnknownError, match="with another contact than was asked for") as unknown:
            await look
        assert "example.com" not in str(unknown.value)
        assert "person_" not in str(unknown.value)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("person_1", {"contact_id": "person_1", "Email": "ann@elsewhere.example.com"}),
        ("person_1", {"contact_id": "person_1"}),
        ("Ann@Müller.example.com", {"contact_id": "person_9", "Email": "ann@xn--mller-kva.example.com"}),
    ],
    ids=["its address was changed there", "it has no address", "its address is in another form"],
)
async def test_the_contact_that_was_asked_for_is_believed(odd, odd_client, asked, found) -> None:
    odd.answer(orjson.dumps(found).decode())
    assert await odd_client.contact(asked) == found


async def test_a_list_of_another_name_than_was_to_be_made_is_not_believed(odd, odd_client) -> None:
    odd.answer('{"list_id":"contactlist_1","name":"News"}')
    assert await odd_client.create_list("News") == "contactlist_1"
    with pytest.raises(OutcomeUnknownError, match="with another list than was asked for"):
        await odd_client.create_list("Win back")
    assert len(odd.seen) == 2


def page(*people: int, total: object, bookmark: str | None = None, lists: list[str] | None = None) -> str:
    contacts = [{"contact_id": f"person_{one}"} | ({"lists": lists} if lists else {}) for one in people]
    answer = {"contacts": contacts, "total_contacts": total, "bookmark": bookmark}
    return orjson.dumps({name: value for name, value in answer.items() if value is not None}).decode()


@pytest.mark.parametrize(
    ("pages", "why"),
    [
        ([page(total=4)], "told 4 contacts and showed 0"),
        ([page(1, 2, total=131)], "told 131 contacts and showed 2"),
        ([page(1, 2, total=4, bookmark="person_2"), page(3, total=4)], "told 4 contacts and showed 3"),
        ([page(1, 2, total=3, bookmark="person_2"), page(total=0)], "told 0 to 3 contacts and showed 2"),
        ([page(1, total=0)], "told 0 contacts and showed 1"),
        ([page(total=None)], "without a usable 'total_contacts'"),
        ([page(1, total="1")], "without a usable 'total_contacts'"),
        ([page(1, total=2, bookmark="person_1"), page(2, total=None)], "without a usable 'total_contacts'"),
    ],
    ids=[
        "an empty page", "no bookmark", "a short last page", "an empty last page", "too many",
        "no total", "a total that is no number", "no total in the end",
    ],
)  # fmt: skip
async def test_a_listing_without_all_that_it_tells_is_not_believed(odd, odd_client, pages, why) -> None:
    for listing in (odd_client.contacts(), odd_client.members("contactlist_1")):
        odd.answer(*pages)
        with pytest.raises(OutcomeUnknownError, match=why):
            [one async for one in listing]


@pytest.mark.parametrize("shown", [(3,), (3, 4), (3, 4, 5)])
async def test_who_comes_about_while_a_listing_is_read_may_be_shown_or_not(odd, odd_client, shown) -> None:
    odd.answer(page(1, 2, total=3, bookmark="person_2"), page(*shown, total=5))
    pages = [one async for one in odd_client.contacts()]
    assert sum(len(one.contacts) for one in pages) == 2 + len(shown)


async def test_the_members_of_another_list_are_not_believed(odd, odd_client) -> None:
    odd.answer(page(1, 2, total=2, lists=["contactlist_2"]))
    with pytest.raises(OutcomeUnknownError, match="none is on the list"):
        [one async for one in odd_client.members("contactlist_1")]
    assert len([one async for one in odd_client.members("contactlist_2")]) == 1
    assert len([one async for one in odd_client.contacts()]) == 1


async def test_bytes_and_times_of_requests_are_counted(client) -> None:
    await client.bulk_upsert([b'{"Email":"a@example.com"}'])
    counters = client.counters

    assert counters.bytes_sent == len(b'{"contacts":[{"Email":"a@example.com"}]}')
    assert counters.bytes_received > 50
    assert counters.first_at == counters.last_at is not None


async def test_outside_of_its_block_a_client_says_so(emulator) -> None:
    client = AutopilotClient(emulator.base_url, emulator.api_key, pacer=Pacer(None))
    with pytest.raises(RuntimeError, match="async with"):
        await client.lists()


def test_importing_the_client_loads_no_http_library_and_no_arrow() -> None:
    code = (
        "import sys; import segment_exports.destinations.autopilot.client; "
        "import segment_exports.destinations.check_destination; "
        "heavy = ('aiohttp', 'pyarrow', 'pandas', 'pydantic', 'numpy'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"
