"""An upload says in its log how far it has come: in figures, in words, and no more often than is read."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from segment_exports.delivery.chunk import Chunk, State
from segment_exports.delivery.course import EVERY, Course
from segment_exports.errors import OutcomeUnknownError, ThrottledError
from segment_exports.records.tables.schemas import CHUNK
from segment_exports.transport.bad_requests.budget import Uncounted
from segment_exports.transport.call import RequestCounters
from segment_exports.transport.waits import Waits


@dataclass
class Upload:
    """An upload under way, and the time."""

    chunk: Chunk
    way: str = "field"
    seconds: float = 1000.0
    requests_left: int = 0
    budget: Uncounted = field(default_factory=Uncounted)
    progress: Any = field(default_factory=lambda: SimpleNamespace(rejected=0))
    counters: RequestCounters = field(default_factory=RequestCounters)
    slept: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.waits = Waits(self.budget, lambda: self.seconds)
        self.queue = self

    def begin(self) -> Course:
        return Course(
            self.chunk,
            self,  # type: ignore[arg-type]
            self,  # type: ignore[arg-type]
            self.progress,
            clock=lambda: self.seconds,
            sleep=self.sleep,
        )

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)

    def passes(self, seconds: float, *, requests: int = 0, contacts: int = 0) -> None:
        """Let time pass, in which so many requests are answered and the next contacts upserted."""
        self.seconds += seconds
        self.counters.total += requests
        due = [row for row, state in enumerate(self.chunk.upsert) if state == State.PENDING]
        self.chunk.upsert[due[:contacts]] = State.DELIVERED


@pytest.fixture
def chunk(people: Any) -> Any:
    """Make a chunk of so many contacts, each with what is to be done."""

    def chunk(count: int, **due: Any) -> Chunk:
        return Chunk(pa.Table.from_pylist([people(number, **due) for number in range(count)], CHUNK))

    return chunk


def test_it_tells_done_of_all_the_speed_and_the_time_that_is_left(chunk: Any) -> None:
    upload = Upload(chunk(2_000), requests_left=20)
    course = upload.begin()
    upload.passes(10, requests=5, contacts=500)
    upload.requests_left = 15

    assert list(course.lines()) == [
        "Uploaded 500 of 2,000 contacts (25 %), 50 contacts/s, about 30 seconds left"
    ]


def test_what_an_earlier_attempt_did_is_done_and_made_nothing_faster(chunk: Any) -> None:
    upload = Upload(chunk(2_000))
    upload.passes(0, contacts=1_000)
    course = upload.begin()
    upload.passes(10, requests=1, contacts=100)

    assert list(course.lines()) == [
        "Uploaded 1,100 of 2,000 contacts (55 %), 10 contacts/s, about 2 minutes left"
    ]


def test_the_speed_is_that_of_the_last_half_minute(chunk: Any) -> None:
    upload = Upload(chunk(2_000), requests_left=10)
    course = upload.begin()
    for _ in range(10):
        upload.passes(10, requests=1, contacts=100)
        fast = list(course.lines())
    for _ in range(10):
        upload.passes(10, contacts=1, requests=1)
        slow = list(course.lines())

    assert "10 contacts/s" in fast[0]
    assert "0.1 contacts/s" in slow[0]


def test_joins_that_take_a_request_each_are_counted_by_themselves(chunk: Any) -> None:
    upload = Upload(chunk(200, joins=["News"]), way="list", requests_left=200)
    course = upload.begin()
    upload.passes(10, requests=2, contacts=200)
    assert list(course.lines()) == [
        "Uploaded 200 of 200 contacts (100 %), 0 of 200 joins (0 %), about 17 minutes left"
    ]

    upload.passes(60, requests=60)
    upload.chunk.join[:60, 0] = State.DELIVERED
    (told,) = course.lines()
    assert "60 of 200 joins (30 %), 1.0 joins/s" in told


def test_joins_that_go_along_with_upserts_are_part_of_them(chunk: Any) -> None:
    upload = Upload(chunk(200, joins=["News"]), way="bulk")
    course = upload.begin()
    upload.passes(10, requests=1, contacts=100)
    assert "Uploaded 0 of 200 contacts" in next(course.lines())

    upload.chunk.join[:100, 0] = State.DELIVERED
    assert "Uploaded 100 of 200 contacts" in next(course.lines())


def test_duties_are_told_as_what_they_are(chunk: Any) -> None:
    upload = Upload(chunk(10, payload=None, leaves=["News"]), way="list", requests_left=6)
    course = upload.begin()
    upload.passes(10, requests=4)
    upload.chunk.leave[:4, 0] = State.DELIVERED

    assert list(course.lines()) == ["Done: 4 of 10 leaves (40 %), 0.4 leaves/s, about 15 seconds left"]


def test_who_is_refused_is_counted(chunk: Any) -> None:
    upload = Upload(chunk(200))
    course = upload.begin()
    upload.progress.rejected = 3

    assert next(course.lines()).startswith("Uploaded 0 of 200 contacts (0 %), 3 refused")


@pytest.mark.parametrize(
    ("answered", "told"),
    [
        (
            ThrottledError("POST /contacts was answered 429"),
            "Waiting 25 s more: POST /contacts was answered 429 (too many requests)",
        ),
        (OutcomeUnknownError("no answer came"), "Waiting 25 s more: no answer came"),
    ],
)
def test_it_says_that_it_waits_for_how_long_and_why(chunk: Any, answered: Any, told: str) -> None:
    upload = Upload(chunk(200), requests_left=2)
    course = upload.begin()
    upload.waits.begin(30, answered)
    upload.passes(5, requests=1)
    assert list(course.lines()) == ["Uploaded 0 of 200 contacts (0 %)", told]

    upload.passes(25, requests=1)
    assert list(course.lines())[1:] == []


def test_it_says_that_the_account_takes_fewer_requests_than_it_is_sent(chunk: Any) -> None:
    upload = Upload(chunk(2_000), requests_left=20)
    course = upload.begin()
    upload.passes(10, requests=25, contacts=100)
    upload.counters.throttled = 5

    assert list(course.lines())[1:] == [
        "5 of 25 requests of the last 10 seconds were answered 429 (too many requests): the account takes "
        "fewer than the connection's Requests per second, or others use it too"
    ]

    upload.passes(31, requests=20, contacts=100)
    list(course.lines())
    upload.passes(10, requests=20, contacts=100)
    assert list(course.lines())[1:] == []  # half a minute ago is over


def test_it_says_that_no_answer_comes(chunk: Any) -> None:
    upload = Upload(chunk(200), requests_left=2)
    course = upload.begin()
    upload.passes(10, requests=1)
    assert list(course.lines())[1:] == []

    upload.passes(20)
    assert list(course.lines())[1:] == ["No request was answered for 20 seconds"]


def test_it_says_so_too_where_a_service_shut_the_machine_out(chunk: Any) -> None:
    upload = Upload(chunk(200), budget=Uncounted())
    course = upload.begin()
    upload.budget.waits_until = upload.seconds + 16

    told = list(course.lines())[1]
    assert told == "Waiting 16 s more, for the bad requests that were sent from this machine"


async def test_it_speaks_every_ten_seconds_and_at_the_end(
    chunk: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    upload = Upload(chunk(200))
    course = upload.begin()
    speaking = asyncio.create_task(course.run())
    while len(upload.slept) < 4:
        await asyncio.sleep(0)
    speaking.cancel()
    assert set(upload.slept) == {EVERY}
    assert len(caplog.messages) == len(upload.slept) - 1

    caplog.clear()
    upload.passes(100, requests=2, contacts=200)
    course.end()
    assert caplog.messages == [
        "Uploaded 200 of 200 contacts (100 %), 2.0 contacts/s, 2 requests in 2 minutes"
    ]


async def test_an_upload_ends_with_what_it_did(
    scene: Any, people: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    scene.chunk([people(number, joins=["News"] if number < 10 else []) for number in range(300)])
    await scene.deliver(membership="list")

    last = caplog.messages[-1]
    assert last.startswith("Uploaded 300 of 300 contacts (100 %), 10 of 10 joins (100 %)")
    assert "@" not in caplog.text
